//! Looking into JSON as serde does.

use serde_json::Value;

/// A field of a struct, which may come as an object or as the array of its fields; null, where there
/// is none.
pub fn field<'a>(of: &'a Value, name: &str, place: usize) -> &'a Value {
    match of {
        Value::Array(fields) => fields.get(place).unwrap_or(&Value::Null),
        of => &of[name],
    }
}
