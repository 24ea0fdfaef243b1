//! The real embedder on a real book, asked in other words than the book's.

use std::time::Instant;

use dayfly_tests::Server;
use serde_json::json;

const BOOK: &str = include_str!("../../data/adventures-of-sherlock-holmes.txt");

/// A question, and words of the passage that answers it.
const QUESTIONS: [(&str, &str); 15] = [
    (
        "The groom vanished from the carriage before reaching the church",
        "looked there was no one there",
    ),
    (
        "A secret society of former Confederate soldiers that warned people before murdering them",
        "Ku Klux Klan. A name derived",
    ),
    ("Which poisonous reptile killed the doctor?", "swamp adder"),
    (
        "Holmes thinks that isolated farms hide worse crimes than city slums",
        "lowest and vilest alleys in London",
    ),
    (
        "A stranger's hat tells of his fallen fortunes and his spouse's coldness",
        "his wife has ceased to love him",
    ),
    (
        "An air hole that does not lead outdoors and a cord that rings nothing",
        "ventilators which do not ventilate",
    ),
    ("A thumb chopped off by a butcher's tool", "cleaver"),
    (
        "A drug den by the river where smokers lie on bunks",
        "forecastle of an emigrant ship",
    ),
    (
        "The villain seals an envelope with seeds and addresses it to a ship's captain",
        "Captain James Calhoun",
    ),
    (
        "The sailing ship that carried the killers was lost in a gale",
        "stern-post of a boat",
    ),
    (
        "A large dog that is starved guards the grounds at night",
        "keen as mustard",
    ),
    (
        "Wild animals roam the physician's estate",
        "a cheetah and a baboon",
    ),
    (
        "A blue gemstone's violent past: killings, acid attack and suicide",
        "vitriol-throwing",
    ),
    (
        "Crooks lured the shopkeeper out of his premises for hours every day",
        "not over-bright pawnbroker",
    ),
    (
        "Being squashed to death by a descending roof in a small chamber",
        "ceiling was coming down upon me",
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
        let state = client
            .get(&format!("/v1/vector_stores/{store}/files/{file}"))
            .ok();
        (state["status"] != "in_progress").then_some(())
    });
    client.completed(&store, &file);
    println!("indexed {} bytes in {:?}", BOOK.len(), begun.elapsed());

    let missed: Vec<&str> = QUESTIONS
        .iter()
        .filter(|(question, words)| {
            let body = json!({"query": question, "max_num_results": 3});
            let hits = client.search(&store, &body);
            let rank = hits
                .iter()
                .position(|hit| on_one_line(&hit.text).contains(words));
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
