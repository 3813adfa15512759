//! Expressions on the query of a request: nothing hides in it.

use asgard_policy::gate::{
    Visit,
    expression::{Fault, OfVisit, Truth},
};

use crate::expressions::compile;

/// What an expression says of a query.
fn of_query(text: &str, query: &str) -> Truth {
    let program = compile(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
    let visit = Visit { query, ..Visit::of("::1".parse().unwrap()) };
    program.holds(&OfVisit::new(&visit))
}

#[test]
fn no_pair_of_a_query_hides_behind_others() {
    let many = format!("{}cmd=ls", "a&".repeat(4_000));
    for text in [
        "'cmd' in query",
        "has(query.cmd)",
        "query.cmd == 'ls'",
        "size(query) == 2",
        "query.exists(name, name == 'cmd')",
    ] {
        assert_eq!(of_query(text, &many), Truth::True, "{text}");
    }
}

#[test]
fn no_value_of_a_query_hides_behind_another_of_its_name() {
    let query = "file=a.txt&x=1&fil%65=..%2Fb&file";
    for text in [
        "query.file == 'a.txt, ../b, '",
        "query.file.contains('../')",
        "size(query) == 2",
        "query == {'x': '1', 'file': 'a.txt, ../b, '}",
        "query.exists_one(name, name == 'file')",
    ] {
        assert_eq!(of_query(text, query), Truth::True, "{text}");
    }
}

#[test]
fn a_macro_over_more_names_than_it_may_cost_is_an_error() {
    let names =
        |count: usize| (0..count).map(|n| format!("n{n}&")).collect::<String>();
    let each = "query.all(name, name.startsWith('n'))";
    assert_eq!(of_query(each, &names(1_000)), Truth::True);
    let fault = Truth::Error(Fault::TooManyNames);
    assert_eq!(of_query(each, &names(1_001)), fault);
    assert_eq!(of_query("size(query) > 1000", &names(1_001)), Truth::True);
    assert_eq!(of_query("'n1000' in query", &names(1_001)), Truth::True);
}
