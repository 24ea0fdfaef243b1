//! What segments hold, read as any Arrow reader does.

use std::fs::File;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, UInt32Type, UInt64Type};
use arrow_ipc::reader::FileReader;

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Whose.
    pub file: String,
    /// Its number in the file.
    pub chunk: u32,
    /// Where it begins and ends there.
    pub place: (u64, u64),
    /// The passage.
    pub text: String,
    /// Its vector.
    pub vector: Vec<f32>,
}

/// The rows of the segments among `keys`, which are files below `folder`; by file and chunk.
///
/// # Panics
/// When one cannot be read.
pub fn of(folder: &Path, keys: &[String]) -> Vec<Row> {
    let mut rows = Vec::new();
    for key in keys.iter().filter(|key| key.ends_with(".arrow")) {
        let file = File::open(folder.join(key)).unwrap();
        for batch in FileReader::try_new(file, None).unwrap() {
            let batch = batch.unwrap();
            let column = |name: &str| batch.column_by_name(name).unwrap();
            for row in 0..batch.num_rows() {
                let vector = column("vector").as_fixed_size_list().value(row);
                let number = |name| column(name).as_primitive::<UInt64Type>().value(row);
                rows.push(Row {
                    file: column("file_id").as_string::<i32>().value(row).to_owned(),
                    chunk: column("chunk").as_primitive::<UInt32Type>().value(row),
                    place: (number("start"), number("end")),
                    text: column("text").as_string::<i32>().value(row).to_owned(),
                    vector: vector.as_primitive::<Float32Type>().values().to_vec(),
                });
            }
        }
    }
    rows.sort_by(|a, b| (&a.file, a.chunk).cmp(&(&b.file, b.chunk)));
    rows
}
