//! Commands that look at a cluster or at what is on the disk, do something, and end.

mod backup;
mod certificate;
mod cluster;
mod completion;
mod error;
mod history;
mod image;
mod kubeconfig;
mod status;
mod store;
mod table;
mod token;
mod version;

pub use completion::print as print_completion;
pub use error::CommandError;
pub use image::containerd as containerd_layout;

use clap::Subcommand;

/// The commands.
#[derive(Debug, Subcommand)]
pub enum ShortCommand {
    /// Manage the tokens with which nodes join.
    Token(token::TokenCommand),
    /// Print the administrator's kubeconfig, or make one for another user.
    Kubeconfig(kubeconfig::KubeconfigCommand),
    /// Look at certificates, or have them made anew.
    Certificate(certificate::CertificateCommand),
    /// Load images from files, or list those that are there.
    Image(image::ImageCommand),
    /// Say whether the cluster is well.
    Status(status::StatusCommand),
    /// Look at the state store on disk.
    Store(store::StoreCommand),
    /// Save the running cluster into a file, and look at such files.
    Backup(backup::BackupCommand),
    /// Restore a cluster from a backup or a snapshot of etcd.
    Restore(Box<backup::restore::RestoreCommand>),
    /// List what an object was, and who changed what.
    History(history::HistoryCommand),
    /// Print the version.
    Version(version::VersionCommand),
}

impl ShortCommand {
    /// Does it.
    pub fn run(self) -> Result<(), CommandError> {
        match self {
            Self::Token(command) => command.run(),
            Self::Kubeconfig(command) => command.run(),
            Self::Certificate(command) => command.run(),
            Self::Image(command) => command.run(),
            Self::Status(command) => command.run(),
            Self::Store(command) => command.run(),
            Self::Backup(command) => command.run(),
            Self::Restore(command) => command.run(),
            Self::History(command) => command.run(),
            Self::Version(command) => command.run(),
        }
    }
}
