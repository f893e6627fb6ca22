//! Whether a text is exactly one query: the first of three locks on what a user's SQL may do. The second is the
//! worker's READ ONLY transaction under a role with few rights, the third the server's own parser.
//!
//! What a function does can't be seen here: `set_config` or a function that writes meets the other two locks.

use sqlparser::ast::{Query, Select, SetExpr, Statement, Visit, Visitor};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};
use std::ops::ControlFlow;

/// Parentheses and subqueries inside one another.
const DEEPEST: usize = 50;
/// Operators in one query. A chain of them is a tree as deep as it is long, and Postgres' own stack ends near there.
const MOST_OPERATORS: usize = 5_000;
/// The parser's limit bounds only what nests; chains make deep trees too, and dropping one recurses to its bottom.
const STACK_BYTES: usize = 32 * 1024 * 1024;

/// Takes a text that is exactly one query; hands it back without the semicolon and the comments after it, so that it
/// can stand in parentheses.
///
/// # Errors
/// What is wrong with it, as the end of a sentence.
pub fn check(sql: &str) -> Result<String, String> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql)
        .tokenize_with_location()
        .map_err(|error| format!("cannot be read as SQL: {error}"))?;
    let end = end_of_query(&tokens, sql).ok_or("is empty")?;
    if tokens.iter().filter(|token| is_operator(&token.token)).count() > MOST_OPERATORS {
        return Err(format!("has more than {MOST_OPERATORS} operators"));
    }
    stacker::grow(STACK_BYTES, || judge(tokens))?;
    Ok(sql[..end].to_owned())
}

fn judge(tokens: Vec<TokenWithSpan>) -> Result<(), String> {
    if is_whole_table(&tokens) {
        return Ok(());
    }
    let statements = Parser::new(&PostgreSqlDialect {})
        .with_recursion_limit(DEEPEST)
        .with_tokens_with_locations(tokens)
        .parse_statements()
        .map_err(|error| match error {
            ParserError::RecursionLimitExceeded => format!("is nested deeper than {DEEPEST} levels"),
            ParserError::ParserError(what) | ParserError::TokenizerError(what) => {
                format!("cannot be read as SQL: {what}")
            }
        })?;
    let [statement] = statements.as_slice() else {
        return Err(format!("must be exactly one SELECT; it has {} statements", statements.len()));
    };
    if !matches!(statement, Statement::Query(_)) {
        return Err("must be a SELECT (or VALUES, TABLE, WITH … SELECT); other statements are refused".to_owned());
    }
    match statement.visit(&mut OnlyReads { inside: false }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(why) => Err(why.to_owned()),
    }
}

/// `TABLE name` or `TABLE schema.name`, and nothing else. Read here, because the parser does not know it as a
/// statement, and swallows the two tokens after it inside others.
fn is_whole_table(tokens: &[TokenWithSpan]) -> bool {
    let mut significant: Vec<_> =
        tokens.iter().map(|token| &token.token).filter(|token| !matches!(token, Token::Whitespace(_))).collect();
    while significant.pop_if(|token| matches!(token, Token::SemiColon | Token::EOF)).is_some() {}
    match significant[..] {
        [Token::Word(table), Token::Word(_)] | [Token::Word(table), Token::Word(_), Token::Period, Token::Word(_)] => {
            table.keyword == Keyword::TABLE
        }
        _ => false,
    }
}

/// Looks for what writes or locks, at any depth.
struct OnlyReads {
    inside: bool,
}

impl Visitor for OnlyReads {
    type Break = &'static str;

    fn pre_visit_statement(&mut self, _: &Statement) -> ControlFlow<&'static str> {
        // The first is the query itself. Any other stands in a WITH, or instead of a query: it changes data.
        if std::mem::replace(&mut self.inside, true) {
            return ControlFlow::Break(
                "must not change data: INSERT, UPDATE, DELETE and MERGE are refused inside it too",
            );
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<&'static str> {
        if !query.locks.is_empty() {
            return ControlFlow::Break("must not lock rows: FOR UPDATE and FOR SHARE are refused");
        }
        let mut bodies = vec![query.body.as_ref()];
        while let Some(body) = bodies.pop() {
            match body {
                SetExpr::Table(_) => {
                    return ControlFlow::Break("must say SELECT * FROM, where it says TABLE inside a query");
                }
                SetExpr::SetOperation { left, right, .. } => bodies.extend([left.as_ref(), right.as_ref()]),
                // Visited as queries, selects and statements.
                SetExpr::Select(_)
                | SetExpr::Query(_)
                | SetExpr::Values(_)
                | SetExpr::Insert(_)
                | SetExpr::Update(_)
                | SetExpr::Delete(_)
                | SetExpr::Merge(_) => {}
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<&'static str> {
        if select.into.is_none() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break("must not create a table: SELECT INTO is refused")
        }
    }
}

/// Where the last token of the query ends, as a byte offset; `None` where there is no token at all.
fn end_of_query(tokens: &[TokenWithSpan], sql: &str) -> Option<usize> {
    let significant =
        |token: &&TokenWithSpan| !matches!(token.token, Token::Whitespace(_) | Token::SemiColon | Token::EOF);
    let end = tokens.iter().rev().find(significant)?.span.end;
    // Lines and columns count from 1, in characters; the column is the one after the token.
    let line_start: usize = sql.split_inclusive('\n').take(usize::try_from(end.line).ok()? - 1).map(str::len).sum();
    let column = usize::try_from(end.column).ok()? - 1;
    let line = &sql[line_start..];
    Some(line_start + line.char_indices().nth(column).map_or(line.len(), |(at, _)| at))
}

/// What can chain: `a + b + c`, `a AND b`, `x UNION y`, `a::b::c`. Names, literals and commas can't; all the rest
/// counts, whatever a newer parser may know.
fn is_operator(token: &Token) -> bool {
    const CHAINING: [&str; 14] = [
        "AND",
        "OR",
        "NOT",
        "UNION",
        "EXCEPT",
        "INTERSECT",
        "JOIN",
        "IS",
        "IN",
        "BETWEEN",
        "LIKE",
        "ILIKE",
        "COLLATE",
        "AT",
    ];
    if let Token::Word(word) = token {
        return word.quote_style.is_none() && CHAINING.iter().any(|keyword| word.value.eq_ignore_ascii_case(keyword));
    }
    !matches!(
        token,
        Token::Whitespace(_)
            | Token::Comma
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::EscapedStringLiteral(_)
            | Token::DollarQuotedString(_)
            | Token::NationalStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::LParen
            | Token::RParen
            | Token::EOF
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_query_is_taken_without_what_follows_it() {
        let check = |sql: &str, expected: &str| assert_eq!(check(sql).as_deref(), Ok(expected), "{sql}");
        for sql in [
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
        ] {
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
        for (sql, expected) in [
            ("", "is empty"),
            (" ;\n-- nothing", "is empty"),
            ("SELECT 1; SELECT 2", "exactly one SELECT; it has 2 statements"),
            ("SELECT 1; COMMIT", "exactly one SELECT; it has 2 statements"),
            ("SELECT 1);COMMIT;", "cannot be read as SQL"),
            ("SELECT 1) TO PROGRAM 'sh'; --", "cannot be read as SQL"),
            ("TABLE a; DROP TABLE a", "SQL"),
            ("TABLE a FOR UPDATE", "SQL"),
            ("SELECT * FROM (TABLE a FOR UPDATE) x", "must say SELECT * FROM"),
            ("TABLE ; a", "SQL"),
            ("TABLE", "SQL"),
            ("SELECT 1 UNION ALL TABLE a", "must say SELECT * FROM"),
            ("INSERT INTO t VALUES (1)", "must be a SELECT"),
            ("UPDATE t SET a = 1 RETURNING a", "must be a SELECT"),
            ("DELETE FROM t", "must be a SELECT"),
            ("DROP TABLE t", "must be a SELECT"),
            ("COPY t TO '/tmp/x'", "must be a SELECT"),
            ("EXPLAIN ANALYZE DELETE FROM t", "must be a SELECT"),
            ("SET ROLE postgres", "must be a SELECT"),
            ("DO $$ BEGIN END $$", "SQL"),
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
            ("not sql at all", "cannot be read as SQL"),
        ] {
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

    #[test]
    fn long_queries_within_the_limits_are_taken() {
        let long = |sql: String| assert_eq!(check(&sql).map(|_| ()), Ok(()));
        long(format!("SELECT 1 WHERE 1 IN ({})", vec!["12345"; 40_000].join(",")));
        long(format!("SELECT 1{}", "+1".repeat(MOST_OPERATORS - 1)));
        long(format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(MOST_OPERATORS - 1)));
        long(format!("SELECT 1 WHERE true{}", " OR a = 1".repeat(MOST_OPERATORS / 2)));
    }
}
