//! The real embedder on a real book, asked in other words than the book's.

use std::time::Instant;

use dayfly_tests::Server;
use serde_json::json;

const BOOK: &str = include_str!("../../data/adventures-of-sherlock-holmes.txt");

/// A question, and words of the passage that answers it.
const QUESTIONS: [(&str, &str); 14] = [
    (
        "How could he tell that his friend was caught in the rain and has an inept housemaid?",
        "clumsy and careless servant girl",
    ),
    (
        "The well paid job was to transcribe a big reference work by hand",
        "Encyclopaedia Britannica",
    ),
    (
        "The groom vanished out of the carriage on the way to the wedding",
        "looked there was no one there",
    ),
    (
        "The murdered man's last word was half of the name of an Australian town",
        "BALLARAT",
    ),
    (
        "A secret society of former Confederate soldiers which warned people before killing them",
        "Ku Klux Klan. A name derived",
    ),
    (
        "A reporter finds that asking strangers for coins in the street brings more than his salary",
        "smearing my face with a little paint",
    ),
    (
        "Where in the dead bird did the spouse discover the jewel?",
        "what my wife found in its crop",
    ),
    ("Which poisonous reptile killed the physician?", "swamp adder"),
    (
        "Locked in a chamber whose roof slowly descends to crush the prisoner",
        "ceiling was coming down upon me",
    ),
    (
        "The missing bride's clothes were found floating in the water of a park",
        "watered silk",
    ),
    (
        "A banker is offered a crown jewel as security for a loan",
        "You have doubtless heard of the Beryl Coronet",
    ),
    (
        "The employer demands that the governess have her locks trimmed",
        "cut your hair quite short",
    ),
    (
        "Why are lonely farms in the countryside more sinister than city slums?",
        "lowest and vilest alleys in London",
    ),
    (
        "Throw out what cannot be, and what is left is right, unlikely as it may seem",
        "excluded the impossible",
    ),
];

#[test]
fn passages_of_a_book_are_found_in_other_words() {
    const { assert!(BOOK.len() > 500_000) };
    let server = Server::builder().start();
    let client = server.client();
    let store = client.create_store("book");
    let begun = Instant::now();
    let file = client.upload_file("adventures-of-sherlock-holmes.txt", BOOK.as_bytes());
    client.attach(&store, &file, &json!({}));
    dayfly_tests::wait::until_within(std::time::Duration::from_secs(600), "the book", || {
        let state = client.get(&format!("/v1/vector_stores/{store}/files/{file}")).ok();
        (state["status"] != "in_progress").then_some(())
    });
    client.completed(&store, &file);
    println!("indexed {} bytes in {:?}", BOOK.len(), begun.elapsed());

    let missed: Vec<&str> = QUESTIONS
        .iter()
        .filter(|(question, words)| {
            let body = json!({"query": question, "max_num_results": 3});
            let hits = client.search(&store, &body);
            let rank = hits.iter().position(|hit| on_one_line(&hit.text).contains(words));
            println!("{rank:?} {question}");
            rank.is_none()
        })
        .map(|(question, _)| *question)
        .collect();
    assert!(missed.is_empty(), "not among the first three: {missed:#?}");
}

#[test]
fn every_question_has_its_passage_in_the_book() {
    let book = on_one_line(BOOK);
    for (question, words) in QUESTIONS {
        assert!(book.contains(words), "{question}");
    }
}

fn on_one_line(text: &str) -> String {
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}
