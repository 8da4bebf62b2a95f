//! Another token for the servers over a datastore: what they agree on is sealed anew.

use cluster::token::JoinToken;
use store::{Key, Outcome, StateStore, Transaction};

use super::{AgreementError, KEY, open, seal};

/// Seals what the servers agree on with another token. A datastore in which nothing is agreed on is refused. Servers that run do
/// not notice; those that start need the new token.
pub async fn reseal(store: &dyn StateStore, old: &JoinToken, new: &JoinToken) -> Result<(), AgreementError> {
    let held = store.get(&Key::from(KEY), None).await?;
    let held = held.ok_or(AgreementError::NothingAgreed)?;
    let agreed = open(old, &held.value)?;
    let authority = agreed.secrets.authority()?;
    if !old.trusts(&authority) || !new.trusts(&authority) {
        return Err(AgreementError::WrongToken);
    }
    let sealed = seal(new, &agreed)?;
    match store
        .commit(Transaction::update(KEY.into(), held.mod_revision, sealed))
        .await?
    {
        Outcome::Committed { .. } => Ok(()),
        Outcome::Conflict { .. } => Err(AgreementError::Sealed(String::from(
            "somebody else has changed it meanwhile",
        ))),
    }
}

#[cfg(test)]
mod tests {
    use store::MemoryStore;

    use super::super::agree;
    use super::super::tests::{authority, options};
    use super::*;

    fn token(text: &str) -> JoinToken {
        JoinToken::parse(text).expect("a token")
    }

    #[tokio::test]
    async fn the_new_token_opens_what_the_old_one_did() {
        let store = MemoryStore::new();
        let nothing = reseal(&store, &token("old"), &token("new")).await;
        assert!(matches!(nothing, Err(AgreementError::NothingAgreed)));

        let folders = [(); 2].map(|()| tempfile::tempdir().expect("folder"));
        let [first, second] = [folders[0].path(), folders[1].path()];
        agree(&store, &options(first, "old"), None).await.expect("agreed");
        let before = store.get(&KEY.into(), None).await.expect("read");
        let wrong = reseal(&store, &token("wrong"), &token("new")).await;
        assert!(matches!(wrong, Err(AgreementError::WrongToken)));
        assert_eq!(store.get(&KEY.into(), None).await.expect("read"), before);

        reseal(&store, &token("old"), &token("new"))
            .await
            .expect("sealed anew");
        let refused = agree(&store, &options(second, "old"), None).await;
        assert!(matches!(refused, Err(AgreementError::WrongToken)));
        agree(&store, &options(second, "new"), None)
            .await
            .expect("agreed");
        assert_eq!(authority(first), authority(second));
        assert!(authority(first).is_some());
    }
}
