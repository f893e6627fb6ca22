//! What is a query, what is none, and what either costs.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use sqlparser::parser::Parser;

/// Queries, as they are handed back.
const QUERIES: [&str; 17] = [
    "SELECT 1",
    "select * from t where a = 'x;y' and b <> E'it\\'s;' or c = $$; drop table t; $$",
    "SELECT $tag$ ); COMMIT; -- $tag$",
    "SELECT /* ; DELETE FROM t; /* nested */ */ 1 -- not the end\n FROM t",
    "VALUES (1, 'a'), (2, 'b')",
    "TABLE accounts",
    "/* all */ table public.\"Accounts\"",
    "WITH a AS (SELECT 1 AS x) SELECT * FROM a",
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT i FROM n",
    "(SELECT 1) UNION ALL (SELECT 2) ORDER BY 1 LIMIT 5 OFFSET 1",
    "SELECT a, count(*) FILTER (WHERE b > 0) OVER (PARTITION BY c) FROM t GROUP BY a HAVING count(*) > 1",
    "SELECT x.* FROM t CROSS JOIN LATERAL (SELECT t.a) x TABLESAMPLE SYSTEM (1)",
    "SELECT g, pg_sleep(0.01) FROM generate_series(1,100000) g",
    "SELECT '{\"a\": [1]}'::jsonb -> 'a' #>> '{0}', now() AT TIME ZONE 'UTC', ARRAY[1,2] @> ARRAY[1]",
    "SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, b DESC NULLS LAST",
    "SELECT \"select\" FROM \"Weird \"\"table\"\"\" AS \"t\"",
    "SELECT EXTRACT(epoch FROM a), a::numeric(10, 2), interval '1 day', B'101', 1e10 FROM t",
];

/// All else, with what is told of it.
const OTHERS: [(&str, &str); 38] = [
    ("", "is empty"),
    (" ;\n-- nothing", "is empty"),
    ("SELECT 1; SELECT 2", "exactly one SELECT; it has 2 statements"),
    ("SELECT (1; 2)", "exactly one SELECT; it has 2 statements"),
    ("CREATE TABLE t AS SELECT 1", "must be a SELECT"),
    ("select_all", "must be a SELECT"),
    ("\"SELECT\" 1", "must be a SELECT"),
    ("SELECT 1; COMMIT", "exactly one SELECT; it has 2 statements"),
    ("SELECT 1);COMMIT;", "exactly one SELECT; it has 2 statements"),
    ("SELECT 1) TO PROGRAM 'sh'; --", "cannot be read as SQL"),
    ("TABLE a; DROP TABLE a", "exactly one SELECT; it has 2 statements"),
    ("TABLE a FOR UPDATE", "SQL"),
    ("SELECT * FROM (TABLE a FOR UPDATE) x", "must say SELECT * FROM"),
    ("TABLE ; a", "exactly one SELECT; it has 2 statements"),
    ("TABLE", "SQL"),
    ("SELECT 1 UNION ALL TABLE a", "must say SELECT * FROM"),
    ("INSERT INTO t VALUES (1)", "must be a SELECT"),
    ("UPDATE t SET a = 1 RETURNING a", "must be a SELECT"),
    ("DELETE FROM t", "must be a SELECT"),
    ("DROP TABLE t", "must be a SELECT"),
    ("COPY t TO '/tmp/x'", "must be a SELECT"),
    ("EXPLAIN ANALYZE DELETE FROM t", "must be a SELECT"),
    ("SET ROLE postgres", "must be a SELECT"),
    ("DO $$ BEGIN END $$", "must be a SELECT"),
    ("WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d", "must not change data"),
    ("WITH d AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM d", "must not change data"),
    ("WITH d AS (UPDATE t SET a = 1 RETURNING *) SELECT * FROM d", "must not change data"),
    ("WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", "must not change data"),
    ("SELECT * FROM (WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d) x", "must not change data"),
    ("SELECT * INTO t2 FROM t", "SELECT INTO is refused"),
    ("WITH a AS (SELECT 1) SELECT * INTO TEMP t2 FROM a", "SELECT INTO is refused"),
    ("SELECT * FROM t FOR UPDATE", "FOR UPDATE and FOR SHARE are refused"),
    ("SELECT * FROM (SELECT * FROM t FOR SHARE SKIP LOCKED) x", "FOR UPDATE and FOR SHARE are refused"),
    ("SELECT * FROM t FOR NO KEY UPDATE", ""),
    ("SELECT 'unfinished", "cannot be read as SQL"),
    ("SELECT $$unfinished", "cannot be read as SQL"),
    ("SELECT /* unfinished", "cannot be read as SQL"),
    ("not sql at all", "must be a SELECT"),
];

#[test]
fn exactly_one_query_is_taken_without_what_follows_it() {
    let check = |sql: &str, expected: &str| assert_eq!(check(sql).as_deref(), Ok(expected), "{sql}");
    for sql in QUERIES {
        check(sql, sql);
    }
    check("SELECT 1;", "SELECT 1");
    check("SELECT 1 ;; -- done", "SELECT 1");
    check("SELECT 'ä€'\n  , 2 /* end */ ; \n", "SELECT 'ä€'\n  , 2");
    check("SELECT 1 -- comment without an end of line", "SELECT 1");
    check("SELECT 'ends with ;'", "SELECT 'ends with ;'");
    check("-- first\nSELECT\n\n 1\n", "-- first\nSELECT\n\n 1");
}

#[test]
fn all_else_is_refused_with_a_reason() {
    let check = |sql: &str, expected: &str| {
        let got = check(sql).expect_err(sql);
        assert!(got.contains(expected), "{sql}: {got}");
    };
    for (sql, expected) in OTHERS {
        check(sql, expected);
    }
}

#[test]
fn no_depth_overflows_the_stack() {
    for sql in [
        format!("SELECT {}1{}", "(".repeat(100_000), ")".repeat(100_000)),
        format!("{}SELECT 1{}", "(".repeat(100_000), ")".repeat(100_000)),
        format!("SELECT {}1", "NOT ".repeat(60_000)),
        format!("SELECT {}1", "- ".repeat(100_000)),
        format!("SELECT {}1{}", "ARRAY[".repeat(40_000), "]".repeat(40_000)),
        format!("SELECT {}1", "CASE WHEN ".repeat(25_000)),
        format!("SELECT 1{}", "+1".repeat(120_000)),
        format!("SELECT 1{}", " UNION SELECT 1".repeat(15_000)),
        format!("SELECT 1{}", "::int".repeat(50_000)),
        format!("SELECT a{}", "[1]".repeat(80_000)),
        format!("SELECT {}", "(SELECT ".repeat(30_000)),
        format!("SELECT * FROM {}t{}", "(".repeat(100_000), ")".repeat(100_000)),
        format!("SELECT 1 FROM t{}", " JOIN t ON true".repeat(16_000)),
    ] {
        let start: String = sql.chars().take(30).collect();
        assert!(check(&sql).is_err(), "{start}");
    }
}

/// What chains, as long as may be, is a tree that is as deep. Half of them are no SQL for one reason or another; none may end the
/// process.
#[test]
fn no_chain_within_the_limits_overflows_the_stack() {
    let chain = |start: &str, link: &str, end: &str| {
        let (links, ends) = (MOST_OPERATORS - 10, if end.is_empty() { 0 } else { MOST_OPERATORS - 10 });
        let one = Tokenizer::new(&PostgreSqlDialect {}, &format!("{link}{end}")).tokenize().expect("tokens");
        let operators = one.iter().filter(|token| is_operator(token)).count().max(1);
        let sql = format!("{start}{}{}", link.repeat(links / operators), end.repeat(ends / operators));
        let got = check(&sql);
        assert!(sql.len() > LONGEST || got != Err(format!("has more than {MOST_OPERATORS} operators")), "{link}");
    };
    for word in CHAINING {
        for link in [format!(" {word} 1"), format!(" {word}"), format!(" {word} a"), format!(" NOT {word} 1")] {
            chain("SELECT 1", &link, "");
            chain("SELECT 1 FROM t", &link, "");
        }
        chain("SELECT 1", &format!(" {word} SELECT 1"), "");
    }
    for link in [
        "::int",
        "[1]",
        "[1:2]",
        ".a",
        "+1",
        "!",
        " IS NULL",
        " IS NOT NULL",
        " IS DISTINCT FROM 1",
        " IN (1)",
        " IN ()",
        " BETWEEN 1 AND 1",
        " AT TIME ZONE 'x'",
        " COLLATE c",
        " SIMILAR TO 1",
        " MEMBER OF (1)",
        " OPERATOR(a.+) 1",
        " = ANY(1)",
        " INTERSECT ALL SELECT 1",
        " MINUS SELECT 1",
        "->1",
        "||1",
        "^1",
    ] {
        chain("SELECT 1", link, "");
        chain("SELECT a", link, "");
    }
    chain("SELECT 1::int", "[]", "");
    chain("SELECT ", "- ", "");
    chain("SELECT ", "array[", "]");
    chain("SELECT 1 FROM t", " UNPIVOT (a FOR b IN (c))", "");
    chain("SELECT 1 FROM t", " PIVOT (f(a) FOR b IN (c))", "");
}

#[test]
fn joins_nest_as_deep_as_may_be_and_no_deeper() {
    let most = MOST_JOINS - 10;
    for kind in ["JOIN", "INNER JOIN", "LEFT JOIN", "RIGHT OUTER JOIN", "FULL JOIN"] {
        let link = format!(" {kind} t");
        assert!(check(&format!("SELECT 1 FROM t{}{}", link.repeat(most), " ON true".repeat(most))).is_ok(), "{kind}");
        let _ = check(&format!("SELECT 1 FROM t{}", link.repeat(most)));
        let told = check(&format!("SELECT 1 FROM t{}", link.repeat(MOST_OPERATORS - 10)));
        assert_eq!(told, Err(format!("has more than {MOST_JOINS} joins")), "{kind}");
    }
    for kind in ["NATURAL JOIN", "CROSS JOIN"] {
        assert!(check(&format!("SELECT 1 FROM t{}", format!(" {kind} t").repeat(most))).is_ok(), "{kind}");
    }
    // With the deepest tree of other operators at the bottom.
    let sql = format!("SELECT 1 FROM t{} ON 1{}", " JOIN t".repeat(most), "+1".repeat(MOST_OPERATORS - MOST_JOINS));
    let _ = check(&sql);
}

/// These lists are read to their end without one question, again with each reading of what they stand in.
#[test]
fn lists_that_are_read_without_a_question_never_hang() {
    for (nest, leaf) in [
        (("position(", "", ")"), format!("1::a({})", "b ".repeat(120_000))),
        (("position(", "", ")"), format!("1::a({})", "b,".repeat(120_000))),
        (("position(", "", ")"), format!("1::a({})", "1 ".repeat(120_000))),
        (("position(", "", ")"), format!("cast(1 as a({}))", "b ".repeat(120_000))),
        (("(case ", "", " when 1 then 1 end)"), format!("1::a({})", "b ".repeat(120_000))),
    ] {
        for depth in [16, 20] {
            let sql = format!("SELECT {}", nested((nest.0, &leaf, nest.2), depth));
            assert!(sql.len() <= LONGEST);
            let _ = check(&sql);
        }
    }
    for leaf in [format!("(select 1) x (a{})", ",a".repeat(120_000)), format!("t x (a{})", ",a".repeat(120_000))] {
        for nest in [("((select from ", ") x join u on true)"), ("(", " join u on true)"), ("((select * from ", ") x)")]
        {
            let sql = format!("SELECT * FROM {}", nested((nest.0, &leaf, nest.1), 20));
            assert!(sql.len() <= LONGEST);
            let _ = check(&sql);
        }
    }
}

#[test]
fn long_queries_within_the_limits_are_taken_with_half_of_their_budget() {
    let within_half = |sql: &str| {
        let tokens = parsed_tokens(sql);
        let budget = Budget { time: Duration::MAX, ..budget_for(&tokens) };
        let (parses, asked) = stacker::grow(STACK_BYTES, || {
            let (parsed, asked) = budget::parse(tokens, DEEPEST, budget);
            (parsed.is_ok(), asked)
        });
        assert!(parses, "{}", &sql[..40]);
        assert!(asked <= budget.questions / 2, "{}: {asked} of {}", &sql[..40], budget.questions);
    };
    let long = |sql: String| {
        assert_eq!(check(&sql).map(|_| ()), Ok(()));
        within_half(&sql);
    };
    let listed = |item: &str, count: usize| vec![item; count].join(",");
    long(format!("SELECT 1 WHERE 1 IN ({})", listed("12345", 40_000)));
    // As many tokens as there can be. A slow build on a busy machine may run out of time with them.
    within_half(&format!("SELECT 1 WHERE 1 IN ({})", listed("1", 124_000)));
    within_half(&format!("VALUES {}", listed("(1)", 62_000)));
    long(format!("SELECT 1{}", "+1".repeat(MOST_OPERATORS - 1)));
    long(format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(MOST_OPERATORS - 1)));
    long(format!("SELECT 1 WHERE true{}", " OR a = 1".repeat(MOST_OPERATORS / 2)));
    long(format!("SELECT {}", listed("a", 20_000)));
    long(format!("SELECT f({})", listed("a", 20_000)));
    long(format!("SELECT {}", listed("f(g(h(1)))", 5_000)));
    long(format!("SELECT * FROM {}", listed("t", 20_000)));
    long(format!("VALUES {}", listed("(1, 'a')", 10_000)));
    long(format!("WITH {} SELECT 1", listed("a AS (SELECT 1)", 5_000)));
    long(format!("SELECT case {} end", "when 1 then 1 ".repeat(17_000)));
    long(format!("SELECT {}1{}", "coalesce(a, ".repeat(40), ")".repeat(40)));
    long(format!("SELECT * FROM {}t{}", "(SELECT * FROM ".repeat(12), ") x".repeat(12)));
}

#[test]
fn a_query_is_no_longer_than_the_limit() {
    let query = |length: usize| format!("SELECT '{}'", "ä".repeat(length - 9));
    assert!(check(&query(LONGEST)).is_ok());
    assert_eq!(check(&query(LONGEST + 1)), Err("is longer than 250,000 characters".to_owned()));
}

/// Texts in which one piece stands in itself, each with what stands around it.
const NESTS: [(&str, &str, &str); 44] = [
    ("position(", "1", ")"),
    ("position(1 in ", "1", ")"),
    ("position(", "1", " in 1)"),
    ("position(position(1 in ", "1", "))"),
    ("f(position(", "1", "))"),
    ("(", "1", ")"),
    ("((", "1", ",1),1)"),
    ("f(", "1", ")"),
    ("f(x => ", "1", ")"),
    ("f(a.b(", "1", ").c)"),
    ("f(", "1", ") OVER (ORDER BY 1)"),
    ("substring(", "1", " from 1 for 1)"),
    ("overlay(", "1", " placing 1 from 1)"),
    ("trim(both ", "1", " from 1)"),
    ("trim(", "1", ", 1)"),
    ("extract(epoch from ", "1", ")"),
    ("ceil(", "1", " to day)"),
    ("cast(", "1", " as int)"),
    ("cast(case (", "1", ") when 1 then 1 end as int)"),
    ("case when ", "1", " then 1 else 2 end"),
    ("case ", "1", " when 1 then 1 end"),
    ("case-", "c", ""),
    ("interval ", "'1'", ""),
    ("interval(", "1", ")"),
    ("not ", "1", ""),
    ("- ", "1", ""),
    ("exists(select ", "1", ")"),
    ("not exists(select ", "1", ")"),
    ("(select ", "1", ")"),
    ("array[", "1", "]"),
    ("array(select ", "1", ")"),
    ("row(", "1", ")"),
    ("a[", "1", "]"),
    ("a[1:", "1", "]"),
    ("1 in (", "1", ")"),
    ("1 in (select ", "1", ")"),
    ("1 between ", "1", " and 2"),
    ("1 = any(", "1", ")"),
    ("x.(", "1", ")"),
    ("(x, y) -> ", "1", ""),
    ("xmlelement(name a, ", "1", ")"),
    ("json_object('a': ", "1", ")"),
    ("grouping sets ((", "1", "))"),
    ("if(current_time(", "1", "))"),
];

/// The same where a table stands.
const TABLE_NESTS: [(&str, &str, &str); 12] = [
    ("(", "t", ")"),
    ("(", "t", " join u on true)"),
    ("(select * from ", "t", ") x"),
    ("((select * from ", "t", ") x)"),
    ("((select from ", "t", ") x join u on true)"),
    ("(((select from ", "t", ") x join u on true) join v on true)"),
    ("((select * from ", "t", "))"),
    ("lateral (select * from ", "t", ") x"),
    ("(values (1)) x, (select * from ", "t", ") y"),
    ("(table ", "t", ")"),
    ("(with w as (select * from ", "t", ") select * from w) x"),
    ("f((select 1 from ", "t", ")) with ordinality"),
];

fn nested((before, inner, after): (&str, &str, &str), depth: usize) -> String {
    format!("{}{inner}{}", before.repeat(depth), after.repeat(depth))
}

fn parsed_tokens(sql: &str) -> Vec<TokenWithSpan> {
    shortened(Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location().expect("tokens"))
}

fn nests() -> impl Iterator<Item = (&'static str, (&'static str, &'static str, &'static str))> {
    NESTS.into_iter().map(|nest| ("SELECT ", nest)).chain(TABLE_NESTS.into_iter().map(|nest| ("SELECT * FROM ", nest)))
}

/// Without a budget, nested `position(` is parsed twice as long with each level. That this test ends is what it shows.
#[test]
fn what_nests_is_read_or_refused_and_never_hangs() {
    for (start, nest) in nests() {
        for depth in [1, 5, 10, 16, 20, 40, 49, 1_000, 20_000] {
            let sql = format!("{start}{}", nested(nest, depth));
            if sql.len() <= LONGEST {
                let _ = check(&sql);
            }
        }
    }
    let complex =
        |nest: (&str, &str, &str), depth| check(&format!("SELECT {}", nested(nest, depth))).expect_err("too complex");
    for nest in [("position(", "1", ")"), ("f(position(", "1", "))"), ("(1, position(", "1", "))")] {
        let told = complex(nest, 20);
        assert_eq!(told, "is too complex to be checked: simplify it, or nest it less", "{nest:?}");
        assert!(complex(nest, 40).contains("too complex") || complex(nest, 40).contains("nested deeper"));
    }
    // The same text at the bottom of all readings is not copied with each.
    for inner in ["x".repeat(LONGEST - 500), format!("'{}'", "x".repeat(LONGEST - 500)), "1".repeat(LONGEST - 500)] {
        assert!(complex(("position(", &inner, ")"), 20).contains("too complex"));
    }
    assert!(check(&format!("SELECT {}", vec![nested(("position(", "1", ")"), 12); 2_000].join(","))).is_err());
}

#[test]
fn a_budget_that_is_used_up_ends_the_parse_at_once() {
    for (start, nest) in nests() {
        let tokens = parsed_tokens(&format!("{start}{}", nested(nest, 12)));
        for budget in [0, 1, 7, 50] {
            let (parsed, asked) = budget::parse(tokens.clone(), DEEPEST, Budget { questions: budget, time: PATIENCE });
            assert!(asked <= budget, "{nest:?}");
            assert!(matches!(parsed, Err(Unparsed::TooComplex)) || asked < budget, "{nest:?}: {parsed:?}");
        }
        let no_time = Budget { questions: usize::MAX, time: Duration::ZERO };
        assert!(matches!(budget::parse(tokens, DEEPEST, no_time), (Err(Unparsed::TooComplex), 0)), "{nest:?}");
    }
}

/// Expressions that one dialect reads and another does not, each alone: behind an error nothing is compared.
const EXPRESSIONS: [&str; 47] = [
    "U&'\\0061'",
    "E'\\x41'",
    "b'1'",
    "x'1F'",
    "1_000",
    "$1",
    "a ?| b",
    "a @> b",
    "!! 5",
    "|/ 4",
    "@ 1",
    "a ^@ b",
    "a #>> b",
    "a << 1",
    "5 !",
    "count(*) FILTER (WHERE a)",
    "json_object('a': 1)",
    "json_object('a' VALUE 1)",
    "f(a => 1)",
    "f(a := 1)",
    "f(a AS b)",
    "trim('a', 'b')",
    "extract('epoch' from a)",
    "extract(whatever from a)",
    "interval '1' day(3)",
    "interval(3) '1 s'",
    "a::interval day to second",
    "a NOTNULL",
    "a ISNULL",
    "a IS DISTINCT FROM b",
    "xmlelement(name a, b)",
    "xml '<a/>'",
    "point '1,2'",
    "a::point",
    "a <-> b",
    "?- a",
    "t.* AS x",
    "a[1:2]",
    "a[:]",
    "(a).b",
    "ARRAY[]::int[]",
    "a::int[3][4]",
    "'x' COLLATE \"C\"",
    "a AT TIME ZONE 'x'",
    "interval",
    "a OPERATOR(pg_catalog.+) b",
    "'a' 'b'",
];

/// The same for what follows SELECT.
const ENDS: [&str; 11] = [
    "FROM t",
    "1 FROM t JOIN u JOIN v ON true ON true",
    "1 FROM t GROUP BY ROLLUP (a), GROUPING SETS ((a), ())",
    "1 FROM t ORDER BY a USING <",
    "1 FROM t ORDER BY a DESC NULLS FIRST FETCH FIRST 1 ROW ONLY",
    "1 FROM t window",
    "1 FROM t AS x (a, b)",
    "a, FROM t",
    "1 FROM (VALUES (1)) x",
    "1 FROM VALUES (1)",
    "1 FROM (t)",
];

/// Its dialect delegates to Postgres' own, one method after the other.
#[test]
fn the_budget_changes_no_reading() {
    let compare = |sql: &str| {
        let tokens = parsed_tokens(sql);
        let (bounded, _) = budget::parse(tokens.clone(), DEEPEST, Budget { questions: 1_000_000, time: Duration::MAX });
        let whole = Parser::new(&PostgreSqlDialect {}).with_recursion_limit(DEEPEST);
        let whole = whole.with_tokens_with_locations(tokens).parse_statements();
        match (bounded, whole) {
            (Ok(bounded), Ok(whole)) => assert_eq!(bounded, whole, "{sql}"),
            (Err(Unparsed::Wrong(bounded)), Err(whole)) => assert_eq!(bounded, whole, "{sql}"),
            (bounded, whole) => panic!("{sql}: {bounded:?} and not {whole:?}"),
        }
    };
    QUERIES.into_iter().for_each(compare);
    // Those that have no end have no tokens.
    for (sql, _) in OTHERS.into_iter().filter(|(sql, _)| !sql.contains("unfinished")) {
        compare(sql);
    }
    for (start, nest) in nests() {
        (1..4).for_each(|depth| compare(&format!("{start}{}", nested(nest, depth))));
    }
    EXPRESSIONS.into_iter().chain(ENDS).for_each(|rest| compare(&format!("SELECT {rest}")));
    compare("WITH a AS (INSERT INTO t AS u (a) VALUES (1) ON CONFLICT (a) DO NOTHING RETURNING *) SELECT * FROM a");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_nests_in_one_another_is_read_or_refused_within_the_budget(
        pieces in vec((0..NESTS.len(), 1_usize..6), 1..40), several in 1_usize..4,
    ) {
        let piece = |inner: String, (index, times): &(usize, usize)| {
            let (before, _, after) = NESTS[*index];
            format!("{}{inner}{}", before.repeat(*times), after.repeat(*times))
        };
        let expression = pieces.iter().fold("1".to_owned(), piece);
        let sql = format!("SELECT {}", std::vec![expression; several].join(", "));
        let tokens = parsed_tokens(&sql);
        let budget = budget_for(&tokens);
        let (_, asked) = stacker::grow(STACK_BYTES, || budget::parse(tokens, DEEPEST, budget));
        prop_assert!(asked <= budget.questions);
        let _ = check(&sql);
    }
}
