//! Whatever the bytes: an answer, in bounded time and memory, and no panic.

use proptest::prelude::*;

use crate::fixtures::REAL;
use crate::{Docstore, Writer};

/// Reads, and uses what was read in every way.
fn read(bytes: &[u8]) {
    let store = match Docstore::read(bytes) {
        Ok(store) => store,
        Err(error) => {
            assert!(error.to_string().len() < 1_500, "{error}");
            return;
        }
    };
    let mut writer = Writer::new(Vec::new()).unwrap();
    for row in 0..store.rows() {
        let document = store.document(row).unwrap();
        assert!(store.id(row).is_some());
        writer.push(row.to_string(), &document).unwrap();
    }
    let written = writer.finish().unwrap();
    let again = Docstore::read(&written).unwrap();
    assert_eq!(again.rows(), store.rows());
    for row in 0..store.rows() {
        assert_eq!(again.document(row), store.document(row));
    }
}

/// An instruction or a piece of one, of those that are known mostly.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&[u8]> = vec![
        b"(",
        b"N",
        b"K\x01",
        b"\x88",
        b"]",
        b"a",
        b"e",
        b")",
        b"\x85",
        b"\x86",
        b"\x87",
        b"t",
        b"}",
        b"s",
        b"u",
        b"\x8f",
        b"\x90",
        b"\x93",
        b"\x81",
        b"R",
        b"b",
        b"\x94",
        b"h\x00",
        b"h\x01",
        b"h\x02",
        b"h\x03",
        b"\x8c\x01a",
        b"\x8c\x08__dict__",
        b"\x8c\x0cpage_content",
        b"\x8c\x08metadata",
        b"\x8c\x05_dict",
        b"clangchain.schema\nDocument\n",
        b"cbuiltins\nset\n",
        b"clangchain.docstore.in_memory\nInMemoryDocstore\n",
        b"\x8a\x01\x01",
        b"G\x00\x00\x00\x00\x00\x00\x00\x00",
        b".",
    ];
    prop_oneof![
        20 => proptest::sample::select(pieces).prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(any::<u8>(), 1..4),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        read(&bytes);
        read(&[b"\x80\x04", bytes.as_slice()].concat());
    }

    #[test]
    fn any_instructions(pieces in proptest::collection::vec(piece(), 0..60)) {
        read(&[b"\x80\x04".to_vec(), pieces.concat()].concat());
    }

    #[test]
    fn changed_files(
        file in 0..REAL.len(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = REAL[file].to_vec();
        for (at, to) in changes {
            let at = at.index(bytes.len());
            bytes[at] = to;
        }
        read(&bytes);
    }

    #[test]
    fn moved_pieces(
        file in 0..REAL.len(),
        from in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
        length in 0_usize..100,
        instead in any::<bool>(),
    ) {
        let bytes = REAL[file];
        let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
        let piece = &bytes[from..bytes.len().min(from + length)];
        let after = if instead { bytes.len().min(to + length) } else { to };
        read(&[&bytes[..to], piece, &bytes[after..]].concat());
    }
}

#[test]
fn every_beginning_of_a_file_is_cut_short() {
    for file in REAL {
        for end in 0..file.len() {
            assert!(Docstore::read(&file[..end]).is_err());
        }
    }
}

#[test]
fn every_byte_in_its_place() {
    let mut bytes = REAL[0].to_vec();
    // The opcodes of the first documents stand here.
    for at in 0..600 {
        let was = bytes[at];
        for byte in 0..=255 {
            bytes[at] = byte;
            read(&bytes);
        }
        bytes[at] = was;
    }
}
