//! The operator's variables, and templates over them.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};

use crate::manifest::Variable;

/// Every variable of the application with its value.
#[derive(Debug)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// The `declared` variables with the `given` values, and their defaults elsewhere. Fails when
    /// one that has neither is left, or when a given one is not declared.
    pub fn new(
        declared: &BTreeMap<String, Variable>,
        given: &[(String, String)],
    ) -> anyhow::Result<Self> {
        let mut values: BTreeMap<String, String> = given.iter().cloned().collect();
        if let Some(unknown) = values.keys().find(|name| !declared.contains_key(*name)) {
            bail!("the manifest has no variable {unknown}");
        }
        for (name, variable) in declared {
            if values.contains_key(name) {
                continue;
            }
            let default = variable.default.clone().filter(|_| !variable.required);
            let value = default.with_context(|| {
                format!("variable {name} is required: set it with --variable {name}=VALUE")
            })?;
            values.insert(name.clone(), value);
        }
        Ok(Self(values))
    }

    /// `template` with the values in the place of `{{ name }}`. Fails where a name is not known.
    pub fn expand(&self, template: &str) -> anyhow::Result<String> {
        let mut text = String::new();
        let mut rest = template;
        while let Some((literal, after)) = rest.split_once("{{") {
            let (name, after) = after
                .split_once("}}")
                .with_context(|| format!("unmatched {{{{ in {template:?}"))?;
            let name = name.trim();
            let value = self.0.get(name);
            text.push_str(literal);
            text.push_str(value.with_context(|| format!("there is no variable {name:?}"))?);
            rest = after;
        }
        text.push_str(rest);
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared() -> BTreeMap<String, Variable> {
        let required = Variable {
            required: true,
            default: None,
        };
        let optional = Variable {
            required: false,
            default: Some("d".to_owned()),
        };
        [("host".to_owned(), required), ("path".to_owned(), optional)].into()
    }

    fn given(name: &str, value: &str) -> Vec<(String, String)> {
        vec![(name.to_owned(), value.to_owned())]
    }

    #[test]
    fn templates_take_the_given_values_and_the_defaults() {
        let variables = Variables::new(&declared(), &given("host", "h")).unwrap();
        let text = variables.expand("http://{{ host }}/{{path}}?{x}").unwrap();
        assert_eq!(text, "http://h/d?{x}");
    }

    #[test]
    fn a_value_is_not_a_template() {
        let variables = Variables::new(&declared(), &given("host", "{{ path }}")).unwrap();
        assert_eq!(variables.expand("{{ host }}").unwrap(), "{{ path }}");
    }

    #[test]
    fn a_required_variable_without_a_value_is_named() {
        let error = Variables::new(&declared(), &[]).unwrap_err().to_string();
        assert!(error.contains("--variable host=VALUE"), "{error}");
    }

    #[test]
    fn unknown_names_are_refused() {
        assert!(Variables::new(&declared(), &given("hots", "h")).is_err());
        let variables = Variables::new(&declared(), &given("host", "h")).unwrap();
        assert!(variables.expand("{{ hots }}").is_err());
        assert!(variables.expand("{{ host").is_err());
    }
}
