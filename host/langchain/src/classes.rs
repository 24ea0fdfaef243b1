//! The only names that a pickle may name.

use crate::error::{PLAIN, PickleError, SAVE_AGAIN, quoted};

/// A class that stands in LangChain's pickles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// `InMemoryDocstore`.
    Docstore,
    /// `Document`.
    Document,
    /// Python's `set`, which the protocols 2 and 3 make by calling it.
    Set,
}

/// Where LangChain's versions have had them, and the two names of `set`: protocol 2 writes
/// Python 2's.
const ALLOWED: [(&str, &str, Class); 8] = [
    (
        "langchain_community.docstore.in_memory",
        "InMemoryDocstore",
        Class::Docstore,
    ),
    (
        "langchain.docstore.in_memory",
        "InMemoryDocstore",
        Class::Docstore,
    ),
    ("langchain_core.documents.base", "Document", Class::Document),
    ("langchain.schema.document", "Document", Class::Document),
    ("langchain.schema", "Document", Class::Document),
    ("langchain.docstore.document", "Document", Class::Document),
    ("builtins", "set", Class::Set),
    ("__builtin__", "set", Class::Set),
];

/// The class of that name, where it is one of LangChain's document store.
pub(crate) fn class(module: &str, name: &str, offset: usize) -> Result<Class, PickleError> {
    ALLOWED
        .iter()
        .find(|allowed| (allowed.0, allowed.1) == (module, name))
        .map(|allowed| allowed.2)
        .ok_or_else(|| PickleError::Class {
            offset,
            module: quoted(module),
            name: quoted(name),
            advice: advice(module),
        })
}

/// What to do about a refused class, by the package that it is of.
fn advice(module: &str) -> String {
    let package = module.split('.').next().unwrap_or_default();
    if package.starts_with("langchain") {
        return format!(
            "of LangChain, only InMemoryDocstore and Document are read; {SAVE_AGAIN}, with plain \
             Documents in an InMemoryDocstore"
        );
    }
    let instead = match package {
        "numpy" => ", so turn NumPy's into Python's with .item() or .tolist()",
        "datetime" | "pandas" | "zoneinfo" | "pytz" | "dateutil" => {
            ", so turn dates into strings with .isoformat()"
        }
        "uuid" | "pathlib" | "decimal" | "fractions" => ", so turn this into a string with str()",
        "collections" => ", so turn this into a dict or a list with dict() or list()",
        _ => "",
    };
    format!(
        "it is not of LangChain's document store, and nothing else in a pickle is made or called. \
         If it is metadata: {PLAIN}{instead} and save the store again"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_names_are_known() {
        assert_eq!(
            class("langchain_core.documents.base", "Document", 0),
            Ok(Class::Document)
        );
        for (module, name) in [
            ("langchain_core.documents.base", "Document.__init__"),
            ("langchain_core.documents.base ", "Document"),
            ("langchain_core.documents.base\n", "Document"),
            ("builtins", "eval"),
            ("builtins", "frozenset"),
            ("", ""),
        ] {
            assert!(class(module, name, 0).is_err(), "{module}.{name}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let text = class("datetime", "datetime", 7).unwrap_err().to_string();
        assert!(
            text.contains("\"datetime\".\"datetime\" at byte 7"),
            "{text}"
        );
        assert!(text.contains(".isoformat()"), "{text}");
        let text = class("numpy._core.multiarray", "scalar", 7)
            .unwrap_err()
            .to_string();
        assert!(text.contains(".item()"), "{text}");
        let text = class("langchain_core.messages.human", "HumanMessage", 7)
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("only InMemoryDocstore and Document"),
            "{text}"
        );
    }

    #[test]
    fn what_is_quoted_is_short_and_of_one_line() {
        let text = class(&"x\n".repeat(10_000), "y", 0)
            .unwrap_err()
            .to_string();
        assert!(text.len() < 800 && !text.contains('\n'), "{text}");
    }
}
