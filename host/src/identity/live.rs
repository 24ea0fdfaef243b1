//! Keys and revocations that change while the server runs.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use dayfly_identity::{AuthError, MaxLife, Principal, Revoked};
use jsonwebtoken::DecodingKey;

use super::keys::KeyFiles;
use super::{IdentityError, revocations};

/// How long a change of the files goes unnoticed at most.
const PERIOD: Duration = Duration::from_millis(500);

/// How many times a fault goes on before it is told again: every minute.
const TOLD_EVERY: u32 = 120;

/// Verifies `authorization` headers by what the files of keys and revocations say, also when they
/// change. Without keys everybody is the tenant `default`.
///
/// What a file says wrongly, or not at all any more, is logged as an error, and what it said last
/// stays in force.
pub struct Verifier {
    rules: RwLock<Arc<dayfly_identity::Verifier>>,
    files: Mutex<Files>,
}

/// What is read again.
struct Files {
    keys: Source<KeyFiles, Vec<DecodingKey>>,
    revoked: Source<Vec<u8>, Arc<Revoked>>,
    max_life: MaxLife,
}

impl Verifier {
    /// Reads the public keys at `keys` (files and folders) and the list at `revoked`, once.
    ///
    /// Fails where one of them cannot be read or is wrong, and where there is a list without a key.
    pub fn open(
        keys: &[PathBuf],
        revoked: Option<PathBuf>,
        max_life: MaxLife,
    ) -> Result<Self, IdentityError> {
        if keys.is_empty() && revoked.is_some() {
            return Err(IdentityError::NothingToRevoke);
        }
        let paths = keys.to_vec();
        let files = Files {
            keys: match paths.is_empty() {
                true => Source::fixed(Vec::new()),
                false => Source::open(move || KeyFiles::read(&paths), KeyFiles::keys)?,
            },
            revoked: match revoked {
                None => Source::fixed(Arc::default()),
                Some(path) => followed_list(path)?,
            },
            max_life,
        };
        Ok(Self {
            rules: RwLock::new(files.rules()),
            files: Mutex::new(files),
        })
    }

    /// Has a thread read the files again, twice a second, until this is dropped.
    ///
    /// Fails where the system gives no thread.
    pub fn keep_fresh(self: &Arc<Self>) -> Result<(), IdentityError> {
        let weak = Arc::downgrade(self);
        let look = move || {
            while let Some(verifier) = weak.upgrade() {
                verifier.refresh();
                drop(verifier);
                std::thread::sleep(PERIOD);
            }
        };
        let thread = std::thread::Builder::new().name("identity".into());
        thread.spawn(look).map_err(IdentityError::Thread)?;
        Ok(())
    }

    /// Reads the files now; what they say holds when this returns.
    pub fn refresh(&self) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = files.keys.refresh();
        let revoked = files.revoked.refresh();
        if !keys && !revoked {
            return;
        }
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = files.rules();
        tracing::info!(
            keys,
            revoked,
            "the files of tokens changed, and hold from now on"
        );
    }

    /// Whether a credential is needed.
    pub fn needs_token(&self) -> bool {
        self.rules().needs_token()
    }

    /// The principal behind the value of an `authorization` header.
    pub fn verify(&self, authorization: Option<&str>) -> Result<Principal, AuthError> {
        self.rules().verify(authorization)
    }

    fn rules(&self) -> Arc<dayfly_identity::Verifier> {
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&rules)
    }
}

impl Files {
    fn rules(&self) -> Arc<dayfly_identity::Verifier> {
        let verifier = dayfly_identity::Verifier::new(self.keys.value.clone())
            .revoking(Arc::clone(&self.revoked.value))
            .living_at_most(self.max_life);
        Arc::new(verifier)
    }
}

fn followed_list(path: PathBuf) -> Result<Source<Vec<u8>, Arc<Revoked>>, IdentityError> {
    let from = path.clone();
    let understand = move |bytes: &Vec<u8>| {
        let list = revocations::parse(&path, bytes)?;
        Ok(Arc::new(Revoked::from(list)))
    };
    Source::open(move || revocations::read(&from), understand)
}

type Read<C> = Box<dyn Fn() -> Result<C, IdentityError> + Send>;
type Understand<C, T> = Box<dyn Fn(&C) -> Result<T, IdentityError> + Send>;

/// What files say, and what it means. Their content is compared, as two changes may come within one
/// grain of a file system's clock.
struct Source<C, T> {
    value: T,
    files: Option<(Read<C>, Understand<C, T>)>,
    /// What the value was made of.
    content: Option<C>,
    fault: Option<Fault>,
}

struct Fault {
    text: String,
    times: u32,
}

impl<C: PartialEq, T> Source<C, T> {
    /// Never changes.
    fn fixed(value: T) -> Self {
        Self {
            value,
            files: None,
            content: None,
            fault: None,
        }
    }

    fn open(
        read: impl Fn() -> Result<C, IdentityError> + Send + 'static,
        understand: impl Fn(&C) -> Result<T, IdentityError> + Send + 'static,
    ) -> Result<Self, IdentityError> {
        let content = read()?;
        Ok(Self {
            value: understand(&content)?,
            files: Some((Box::new(read), Box::new(understand))),
            content: Some(content),
            fault: None,
        })
    }

    /// Whether what they mean is another now.
    fn refresh(&mut self) -> bool {
        let Some((read, understand)) = &self.files else {
            return false;
        };
        let content = match read() {
            Ok(content) => content,
            Err(error) => {
                self.tell(&error);
                return false;
            }
        };
        let is_same = self.content.as_ref() == Some(&content);
        if is_same && self.fault.is_none() {
            return false;
        }
        match understand(&content) {
            Err(error) => {
                self.tell(&error);
                false
            }
            Ok(value) => {
                self.value = value;
                self.content = Some(content);
                self.fault = None;
                true
            }
        }
    }

    fn tell(&mut self, error: &IdentityError) {
        let text = error.to_string();
        let times = match &self.fault {
            Some(fault) if fault.text == text => fault.times + 1,
            _ => 0,
        };
        if times.is_multiple_of(TOLD_EVERY) {
            tracing::error!(
                error = text,
                "which tokens are accepted was NOT changed: what was read before stays in force"
            );
        }
        self.fault = Some(Fault { text, times });
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    use super::super::{Grant, KeyPair, Quota, Scope, issue, keygen};
    use super::*;

    fn token(pair: &KeyPair) -> (String, String) {
        let grant = Grant {
            tenant: "acme",
            scopes: &[Scope::Read],
            ttl: Duration::from_secs(3_600),
            quota: Quota::NONE,
        };
        let issued = issue(&pair.private_pem, &grant).unwrap();
        (
            format!("Bearer {}", issued.token),
            issued.claims.jti.unwrap(),
        )
    }

    fn open(keys: &Path, revoked: &Path) -> Verifier {
        Verifier::open(&[keys.into()], Some(revoked.into()), MaxLife::default()).unwrap()
    }

    fn list(ids: &[&str]) -> String {
        let tokens: Vec<_> = ids
            .iter()
            .map(|id| serde_json::json!({"jti": id}))
            .collect();
        serde_json::json!({ "tokens": tokens }).to_string()
    }

    struct Setting {
        folder: tempfile::TempDir,
        pair: KeyPair,
    }

    impl Setting {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let pair = keygen().unwrap();
            fs::create_dir(folder.path().join("keys")).unwrap();
            let setting = Self { folder, pair };
            fs::write(setting.key("a"), &setting.pair.public_pem).unwrap();
            fs::write(setting.list(), "{}").unwrap();
            setting
        }

        fn key(&self, name: &str) -> PathBuf {
            self.folder.path().join(format!("keys/{name}.pem"))
        }

        fn list(&self) -> PathBuf {
            self.folder.path().join("revoked.json")
        }

        fn verifier(&self) -> Verifier {
            open(&self.folder.path().join("keys"), &self.list())
        }
    }

    #[test]
    fn a_list_holds_from_when_it_is_read_again() {
        let setting = Setting::new();
        let verifier = setting.verifier();
        let (first, id) = token(&setting.pair);
        let (second, _) = token(&setting.pair);
        fs::write(setting.list(), list(&[&id])).unwrap();
        assert!(verifier.verify(Some(&first)).is_ok());
        verifier.refresh();
        let refused = verifier.verify(Some(&first)).unwrap_err();
        assert!(matches!(&refused, AuthError::Expired(text) if text.contains("revoked")));
        assert!(verifier.verify(Some(&second)).is_ok());
        fs::write(setting.list(), "{}").unwrap();
        verifier.refresh();
        assert!(verifier.verify(Some(&first)).is_ok());
    }

    #[test]
    fn a_change_that_leaves_length_and_place_is_seen() {
        let setting = Setting::new();
        let verifier = setting.verifier();
        let tokens = [token(&setting.pair), token(&setting.pair)];
        for (revoked, good) in [(0, 1), (1, 0)] {
            fs::write(setting.list(), list(&[&tokens[revoked].1])).unwrap();
            verifier.refresh();
            assert!(verifier.verify(Some(&tokens[revoked].0)).is_err());
            assert!(verifier.verify(Some(&tokens[good].0)).is_ok());
        }
    }

    #[test]
    fn a_list_that_goes_or_is_broken_leaves_the_last_one_in_force() {
        let setting = Setting::new();
        let (header, id) = token(&setting.pair);
        let whole = list(&[&id]);
        fs::write(setting.list(), &whole).unwrap();
        let verifier = setting.verifier();
        for broken in [Some(""), Some("{"), Some(&whole[..20]), None] {
            match broken {
                Some(text) => fs::write(setting.list(), text).unwrap(),
                None => fs::remove_file(setting.list()).unwrap(),
            }
            verifier.refresh();
            assert!(verifier.verify(Some(&header)).is_err(), "{broken:?}");
        }
        let (other, other_id) = token(&setting.pair);
        fs::write(setting.list(), list(&[&id, &other_id])).unwrap();
        verifier.refresh();
        assert!(verifier.verify(Some(&other)).is_err());
    }

    #[test]
    fn keys_are_rotated_without_a_moment_in_which_a_good_token_is_refused() {
        let setting = Setting::new();
        let verifier = setting.verifier();
        let next = keygen().unwrap();
        let (old, new) = (token(&setting.pair).0, token(&next).0);
        let are_good = || [&old, &new].map(|header| verifier.verify(Some(header)).is_ok());
        assert_eq!(are_good(), [true, false]);
        fs::write(setting.key("b"), &next.public_pem).unwrap();
        verifier.refresh();
        assert_eq!(are_good(), [true, true]);
        fs::remove_file(setting.key("a")).unwrap();
        verifier.refresh();
        assert_eq!(are_good(), [false, true]);
        let refused = verifier.verify(Some(&old)).unwrap_err().to_string();
        assert!(refused.contains("has no longer"), "{refused}");
    }

    #[test]
    fn without_its_last_key_or_with_a_wrong_one_a_server_keeps_what_it_had() {
        let setting = Setting::new();
        let verifier = setting.verifier();
        let (good, _) = token(&setting.pair);
        fs::write(setting.key("b"), &setting.pair.private_pem).unwrap();
        verifier.refresh();
        assert!(verifier.verify(Some(&good)).is_ok());
        for name in ["a", "b"] {
            fs::remove_file(setting.key(name)).unwrap();
        }
        verifier.refresh();
        assert!(verifier.needs_token());
        assert!(verifier.verify(Some(&good)).is_ok());
        assert!(verifier.verify(None).is_err());
    }

    #[test]
    fn a_list_without_a_key_is_refused() {
        let setting = Setting::new();
        let opened = Verifier::open(&[], Some(setting.list()), MaxLife::default());
        assert!(matches!(opened, Err(IdentityError::NothingToRevoke)));
    }

    #[test]
    fn nobody_reads_the_files_of_a_verifier_that_is_gone() {
        let setting = Setting::new();
        let verifier = Arc::new(setting.verifier());
        verifier.keep_fresh().unwrap();
        let weak = Arc::downgrade(&verifier);
        drop(verifier);
        while weak.strong_count() > 0 {
            std::thread::yield_now();
        }
    }
}
