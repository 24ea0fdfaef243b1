//! What errors are called for programs: one table, from which statuses follow and `docs/errors.md` is
//! made.

/// How many seconds to wait where an error does not know better.
const SOON: Option<u32> = Some(2);

macro_rules! codes {
    ($($code:ident = $status:literal $name:literal, $means:literal, $advice:literal;)*) => {
        /// The `code` of an error.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $means] $code,)*
        }

        impl Code {
            /// All of them, by status.
            pub const ALL: &'static [Self] = &[$(Self::$code),*];

            /// As it stands in an answer.
            pub fn name(self) -> &'static str {
                match self { $(Self::$code => $name,)* }
            }

            /// The HTTP status of an answer with it.
            pub fn status(self) -> u16 {
                match self { $(Self::$code => $status,)* }
            }

            /// What is wrong.
            pub fn means(self) -> &'static str {
                match self { $(Self::$code => $means,)* }
            }

            /// What the caller should do.
            pub fn advice(self) -> &'static str {
                match self { $(Self::$code => $advice,)* }
            }
        }
    };
}

codes! {
    ChecksumMismatch = 400 "checksum_mismatch",
        "The parts of an upload do not have the MD5 that was announced.",
        "Compare the order of `part_ids`, and send the parts that differ again.";
    EmbedderRefused = 400 "embedder_refused",
        "The embedding provider refuses this text.",
        "Change the text, or the batch sizes (`embed.batch_*`), as the message says.";
    Expired = 400 "expired",
        "The store or the upload has expired.",
        "Make another, or change the store's `expires_after`.";
    InvalidFile = 400 "invalid_file",
        "The file is no text, or has none in it.",
        "Send it as text in UTF-8 or UTF-16.";
    TooManyParts = 400 "too_many_parts",
        "The upload has as many parts as one may have.",
        "Send larger parts.";
    UploadEnded = 400 "upload_ended",
        "The upload is completed or cancelled, and stays so.",
        "Create another.";
    InvalidApiKey = 401 "invalid_api_key",
        "The token is missing, expired, revoked, or not signed by a key that is known here.",
        "Send a good one: `Authorization: Bearer …`.";
    ForeignOrigin = 403 "foreign_origin",
        "A server without keys was called under another name than localhost, or by a web page.",
        "Call it as localhost, or give it keys.";
    InsufficientPermissions = 403 "insufficient_permissions",
        "The token lacks a scope that the request needs.",
        "Use one that has it.";
    UnknownUrl = 404 "unknown_url",
        "There is nothing at this path.",
        "Compare the path with the list of those that there are.";
    MethodNotAllowed = 405 "method_not_allowed",
        "The path does not take this method.",
        "Use one that the message names.";
    AttemptHeld = 409 "attempt_held",
        "Another attempt at the same ingestion is under way.",
        "Nothing: it goes on. Ask for the file's status.";
    Cancelled = 409 "cancelled",
        "The ingestion was cancelled, as its file or store was deleted or attached anew.",
        "Nothing, or attach the file again.";
    Deleted = 409 "deleted",
        "The file that this `Idempotency-Key` made was deleted.",
        "Send a new key.";
    DimensionMismatch = 409 "dimension_mismatch",
        "The embedding model gives vectors of another length than the store has.",
        "Make a new store, or embed with the store's model.";
    Failed = 409 "failed",
        "The file's ingestion failed, so it has no attributes to change.",
        "Attach it again, with the attributes that it is to have.";
    InProgress = 409 "in_progress",
        "The file is still being ingested.",
        "Change it when it is completed.";
    ModelMismatch = 409 "model_mismatch",
        "The store was built with another embedding model than the server has.",
        "Make a new store, or start the server with that model.";
    Overtaken = 409 "overtaken",
        "Another worker went on with this work.",
        "Nothing: it goes on.";
    BodyTooLarge = 413 "body_too_large",
        "The request's body is larger than one may be.",
        "Send it in parts, or in several files.";
    CpuLimitExceeded = 413 "cpu_limit_exceeded",
        "The request needed more CPU time than one may use.",
        "Send less at once.";
    MemoryLimitExceeded = 413 "memory_limit_exceeded",
        "The request needed more memory than one may use.",
        "Send less at once.";
    TooLarge = 413 "too_large",
        "What was sent is larger than the message's bound.",
        "Send it in smaller pieces.";
    UnsupportedFile = 415 "unsupported_file",
        "The file is of a kind that is not read here, such as a picture or an archive.",
        "Send its text.";
    UnsupportedMediaType = 415 "unsupported_media_type",
        "The body is not of the type that the request takes.",
        "Send the one that the message names.";
    InsufficientQuota = 429 "insufficient_quota",
        "The tenant has as much as it may have. Repeating does not help (`x-should-retry: false`).",
        "Delete something, or ask for more.";
    RateLimitExceeded = 429 "rate_limit_exceeded",
        "The tenant is at one of its rate limits.",
        "Repeat after `Retry-After`.";
    DamagedObject = 500 "damaged_object",
        "What is stored is damaged or missing.",
        "Find out what with `dayfly doctor`, and restore it from a backup.";
    Corrupt = 500 "corrupt",
        "A segment's or a run's bytes are damaged.",
        "Restore the store from a backup, or ingest its files again.";
    InternalError = 500 "internal_error",
        "The server failed.",
        "Repeat it; if it fails again, give the operator the `x-request-id`.";
    UnusableStorage = 500 "unusable_storage",
        "The object storage lacks something that is needed of it.",
        "The operator has to mend it: see `dayfly doctor`.";
    NotConfigured = 501 "not_configured",
        "This server has no FAISS.",
        "The operator has to start one that has (`--faiss-url` on Spin).";
    EmbedderMisconfigured = 502 "embedder_misconfigured",
        "The embedding provider refuses the server's key, model or address.",
        "The operator has to mend it.";
    EmbedderProtocol = 502 "embedder_protocol",
        "The embedding provider answers what is no answer.",
        "The operator has to look at it.";
    EmbedderUnavailable = 503 "embedder_unavailable",
        "The embedding provider does not answer, or asks to wait.",
        "Repeat after `Retry-After`.";
    Overloaded = 503 "overloaded",
        "As many requests as the server answers at once are under way.",
        "Repeat after `Retry-After`.";
    Unavailable = 503 "unavailable",
        "Something behind the server is away, or others were faster for long.",
        "Repeat after `Retry-After`.";
    Unconfirmed = 503 "unconfirmed",
        "The storage did not say whether the change was made.",
        "Look at the present state, and repeat if it was not.";
    Timeout = 504 "timeout",
        "The request took longer than one may.",
        "Send less, attach the document to a store instead, or raise the limit.";
    OutOfSpace = 507 "out_of_space",
        "No space is left where the data are.",
        "Free some.";
}

impl Code {
    /// Seconds after which the same request may succeed, where an error with it says none of its own.
    pub fn retry_after_s(self) -> Option<u32> {
        match self {
            Self::Unavailable | Self::Unconfirmed => SOON,
            Self::EmbedderUnavailable => Some(5),
            Self::Overloaded => Some(1),
            _ => None,
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::disallowed_methods,
    reason = "the page is a file of the repository"
)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    const PAGE: &str = include_str!("../../../docs/errors.md");
    const BEGIN: &str = "<!-- made from core/src/api/code.rs -->\n";
    const END: &str = "<!-- until here -->\n";

    fn table() -> String {
        let mut table = "| status | `code` | means | do |\n|---|---|---|---|\n".to_owned();
        for code in Code::ALL {
            let (status, name) = (code.status(), code.name());
            let (means, advice) = (code.means(), code.advice());
            writeln!(table, "| {status} | `{name}` | {means} | {advice} |").unwrap();
        }
        table
    }

    #[test]
    fn the_page_of_errors_has_all_codes_as_they_are() {
        let (before, rest) = PAGE.split_once(BEGIN).unwrap();
        let (shown, after) = rest.split_once(END).unwrap();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            let page = format!("{before}{BEGIN}{}{END}{after}", table());
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors.md");
            return std::fs::write(path, page).unwrap();
        }
        assert_eq!(
            shown,
            table(),
            "write it anew: UPDATE_DOCS=1 cargo test -p dayfly-core the_page"
        );
    }

    #[test]
    fn codes_are_told_apart_and_in_the_order_of_their_statuses() {
        let statuses: Vec<u16> = Code::ALL.iter().map(|code| code.status()).collect();
        assert!(statuses.is_sorted(), "{statuses:?}");
        let mut names: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
    }
}
