//! The pause image: what holds a pod's namespaces open while its containers come and go. Made here, never pulled.
//!
//! Its only file is a program of some hundred bytes, written as machine code, because nothing leaner exists: the pintle
//! binary itself would be thousands of times larger in the memory of every pod, and a C compiler is nothing a node
//! should need. The program blocks SIGINT, SIGTERM and SIGCHLD and then takes them one at a time. A child that ended is
//! reaped (in a pod with a shared process namespace this program is everyone's parent), the other two end it. Blocking
//! instead of handling matters: the kernel drops unhandled signals of a namespace's first process, but keeps blocked ones.

use std::io;
use std::path::Path;

use super::elf::{self, Machine};
use super::layout::{Entry, ImageLayout};

/// The name under which the image is known to the runtime. The number counts changes of its content.
pub const PAUSE_IMAGE: &str = "localhost/pintle/pause:1";

/// The user whom nothing belongs to, as in upstream's image.
const NOBODY: &str = "65535:65535";

/// Writes the image to an OCI layout archive at `path`, for the machine this runs on.
pub fn write_pause_image(path: &Path) -> io::Result<()> {
    let machine = Machine::current()
        .ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, "no pause program for this processor"))?;
    ImageLayout {
        reference: PAUSE_IMAGE.to_owned(),
        entrypoint: vec!["/pause".to_owned()],
        user: NOBODY.to_owned(),
        files: vec![Entry::file("pause", program(machine), 0o755)],
        ..ImageLayout::default()
    }
    .write_to(path)
}

/// The program as an executable file.
fn program(machine: Machine) -> Vec<u8> {
    match machine {
        Machine::X86_64 => elf::executable(machine, X86_64),
        Machine::Aarch64 => {
            let code: Vec<u8> = AARCH64.iter().flat_map(|word| word.to_le_bytes()).collect();
            elf::executable(machine, &code)
        }
    }
}

/// Bit n-1 stands for signal n: SIGINT 2, SIGTERM 15, SIGCHLD 17.
const SIGNALS: u32 = 1 << (2 - 1) | 1 << (15 - 1) | 1 << (17 - 1);

#[rustfmt::skip]
const X86_64: &[u8] = &[
    // start: rt_sigprocmask(SIG_BLOCK, signals, 0, 8)
    0xb8, 0x0e, 0x00, 0x00, 0x00,               // mov  eax, 14
    0x31, 0xff,                                 // xor  edi, edi
    0x48, 0x8d, 0x35, 0x50, 0x00, 0x00, 0x00,   // lea  rsi, [signals]
    0x31, 0xd2,                                 // xor  edx, edx
    0x41, 0xba, 0x08, 0x00, 0x00, 0x00,         // mov  r10d, 8
    0x0f, 0x05,                                 // syscall
    // wait: rt_sigtimedwait(signals, 0, 0, 8)
    0xb8, 0x80, 0x00, 0x00, 0x00,               // mov  eax, 128
    0x48, 0x8d, 0x3d, 0x3a, 0x00, 0x00, 0x00,   // lea  rdi, [signals]
    0x31, 0xf6,                                 // xor  esi, esi
    0x31, 0xd2,                                 // xor  edx, edx
    0x41, 0xba, 0x08, 0x00, 0x00, 0x00,         // mov  r10d, 8
    0x0f, 0x05,                                 // syscall
    0x83, 0xf8, 0x11,                           // cmp  eax, SIGCHLD
    0x74, 0x0d,                                 // je   reap
    0x85, 0xc0,                                 // test eax, eax
    0x78, 0xdf,                                 // js   wait (interrupted)
    // exit(0)
    0xb8, 0x3c, 0x00, 0x00, 0x00,               // mov  eax, 60
    0x31, 0xff,                                 // xor  edi, edi
    0x0f, 0x05,                                 // syscall
    // reap: wait4(-1, 0, WNOHANG, 0), until nobody is left
    0xb8, 0x3d, 0x00, 0x00, 0x00,               // mov  eax, 61
    0xbf, 0xff, 0xff, 0xff, 0xff,               // mov  edi, -1
    0x31, 0xf6,                                 // xor  esi, esi
    0xba, 0x01, 0x00, 0x00, 0x00,               // mov  edx, 1
    0x45, 0x31, 0xd2,                           // xor  r10d, r10d
    0x0f, 0x05,                                 // syscall
    0x85, 0xc0,                                 // test eax, eax
    0x7f, 0xe6,                                 // jg   reap
    0xeb, 0xba,                                 // jmp  wait
    // signals:
    SIGNALS as u8, (SIGNALS >> 8) as u8, (SIGNALS >> 16) as u8, 0, 0, 0, 0, 0,
];

#[rustfmt::skip]
const AARCH64: &[u32] = &[
    // start: rt_sigprocmask(SIG_BLOCK, signals, 0, 8)
    0xd280_10e8,    // mov  x8, 135
    0xd280_0000,    // mov  x0, 0
    0x1000_0341,    // adr  x1, signals
    0xd280_0002,    // mov  x2, 0
    0xd280_0103,    // mov  x3, 8
    0xd400_0001,    // svc  0
    // wait: rt_sigtimedwait(signals, 0, 0, 8)
    0xd280_1128,    // mov  x8, 137
    0x1000_02a0,    // adr  x0, signals
    0xd280_0001,    // mov  x1, 0
    0xd280_0002,    // mov  x2, 0
    0xd280_0103,    // mov  x3, 8
    0xd400_0001,    // svc  0
    0x7100_441f,    // cmp  w0, SIGCHLD
    0x5400_00a0,    // b.eq reap
    0x37ff_ff00,    // tbnz w0, 31, wait (interrupted)
    // exit(0)
    0xd280_0ba8,    // mov  x8, 93
    0xd280_0000,    // mov  x0, 0
    0xd400_0001,    // svc  0
    // reap: wait4(-1, 0, WNOHANG, 0), until nobody is left
    0xd280_2088,    // mov  x8, 260
    0x9280_0000,    // mov  x0, -1
    0xd280_0001,    // mov  x1, 0
    0xd280_0022,    // mov  x2, 1
    0xd280_0003,    // mov  x3, 0
    0xd400_0001,    // svc  0
    0x7100_001f,    // cmp  w0, 0
    0x54ff_ff2c,    // b.gt reap
    0x17ff_ffec,    // b    wait
    0xd503_201f,    // nop  (the constant is aligned)
    // signals:
    SIGNALS, 0,
];

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Child, Command};

    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    use super::*;

    fn start(folder: &Path) -> Option<Child> {
        let path = folder.join("pause");
        std::fs::write(&path, program(Machine::current()?)).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Some(Command::new(&path).spawn().unwrap())
    }

    #[test]
    fn it_is_tiny() {
        assert!(program(Machine::X86_64).len() < 256);
        assert!(program(Machine::Aarch64).len() < 256);
    }

    #[test]
    fn it_ends_well_when_asked_to() {
        let folder = tempfile::tempdir().unwrap();
        for signal in [Signal::SIGTERM, Signal::SIGINT] {
            let mut child = start(folder.path()).expect("tests run on a known processor");
            // A signal before the program blocked it would kill it, so wait until it sleeps in its system call.
            wait_until_asleep(child.id());
            kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
            let status = child.wait().unwrap();
            assert_eq!((status.code(), status.signal()), (Some(0), None), "{signal}");
        }
    }

    /// Its system call is `rt_sigtimedwait`, as the kernel sees it: there is nothing to be notified by, so this looks
    /// again and again, for the few microseconds a start takes.
    fn wait_until_asleep(pid: u32) {
        let number = if cfg!(target_arch = "x86_64") {
            "128 "
        } else {
            "137 "
        };
        for _ in 0..1_000_000 {
            let call = std::fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
            if call.starts_with(number) {
                return;
            }
            std::thread::yield_now();
        }
        panic!("the pause program did not come to rest");
    }
}
