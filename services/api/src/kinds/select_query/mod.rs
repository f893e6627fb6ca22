//! Whether a text is exactly one query: the first of three locks on what a user's SQL may do. The second is the
//! worker's READ ONLY transaction under a role with few rights, the third the server's own parser.
//!
//! What a function does can't be seen here: `set_config` or a function that writes meets the other two locks.

mod budget;
#[cfg(test)]
mod tests;

use crate::wire::time_text::thousands;
use budget::{Budget, Unparsed};
use sqlparser::ast::{Query, Select, SetExpr, Statement, Visit, Visitor};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::ParserError;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, Whitespace};
use std::ops::ControlFlow;
use std::time::Duration;

/// Characters of a query. A request's body has little more.
pub const LONGEST: usize = 250_000;

/// Parentheses and subqueries inside one another.
const DEEPEST: usize = 50;
/// Operators in one query. A chain of them is a tree as deep as it is long, and Postgres' own stack ends near there.
const MOST_OPERATORS: usize = 5_000;
/// Joins in one query. `a JOIN b JOIN c ON … ON …` nests one join in the other, and the parser recurses without counting.
const MOST_JOINS: usize = 500;
/// What the parser may ask of its dialect for each token: two or three times what long queries of all sorts take.
const QUESTIONS_A_TOKEN: usize = 10;
/// What it may ask besides: short queries nest deeper.
const QUESTIONS: usize = 20_000;
/// What it may ask at most, however long the query is.
const MOST_QUESTIONS: usize = 1_000_000;
/// How long it may take: far more than for any query of the greatest length, whose tokens are looked at a few times each.
const PATIENCE: Duration = Duration::from_secs(2);
/// Characters of a token that the parser sees: it copies tokens with each reading that it tries.
const LONGEST_TOKEN: usize = 64;
/// The parser's limit bounds only what nests; chains make deep trees too, and dropping one recurses to its bottom. Enough for
/// all operators and joins at more than 20 KiB each, also in a debug build. Only what is touched takes memory.
const STACK_BYTES: usize = 128 * 1024 * 1024;

/// Takes a text that is exactly one query; hands it back without the semicolon and the comments after it, so that it
/// can stand in parentheses. What this costs grows with the text, and no faster; for a long text it is too much for a thread
/// that serves calls.
///
/// # Errors
/// What is wrong with it, as the end of a sentence.
pub fn check(sql: &str) -> Result<String, String> {
    if sql.chars().nth(LONGEST).is_some() {
        return Err(format!("is longer than {} characters", thousands(LONGEST as u64)));
    }
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql)
        .tokenize_with_location()
        .map_err(|error| format!("cannot be read as SQL: {error}"))?;
    let end = end_of_query(&tokens, sql).ok_or("is empty")?;
    if tokens.iter().filter(|token| is_operator(&token.token)).count() > MOST_OPERATORS {
        return Err(format!("has more than {MOST_OPERATORS} operators"));
    }
    if tokens.iter().filter(|token| is_word(&token.token, &["JOIN"])).count() > MOST_JOINS {
        return Err(format!("has more than {MOST_JOINS} joins"));
    }
    let tokens = shortened(tokens);
    one_query(&tokens)?;
    if !is_whole_table(&tokens) {
        stacker::grow(STACK_BYTES, || judge(tokens))?;
    }
    Ok(sql[..end].to_owned())
}

/// Whether it can be one query, by its semicolons and its first word. What is none is not parsed: other statements have
/// more ways to be costly.
fn one_query(tokens: &[TokenWithSpan]) -> Result<(), String> {
    let is_blank = |token: &&TokenWithSpan| matches!(token.token, Token::Whitespace(_) | Token::EOF);
    let mut statements = 0;
    for statement in tokens.split(|token| token.token == Token::SemiColon) {
        let Some(first) = statement.iter().find(|token| !is_blank(token)) else { continue };
        statements += 1;
        let queries = [Keyword::SELECT, Keyword::VALUES, Keyword::TABLE, Keyword::WITH];
        let is_query = if let Token::Word(word) = &first.token {
            queries.contains(&word.keyword)
        } else {
            first.token == Token::LParen
        };
        if statements == 1 && !is_query {
            return Err("must be a SELECT (or VALUES, TABLE, WITH … SELECT); other statements are refused".to_owned());
        }
    }
    if statements == 1 { Ok(()) } else { Err(format!("must be exactly one SELECT; it has {statements} statements")) }
}

fn judge(tokens: Vec<TokenWithSpan>) -> Result<(), String> {
    let budget = budget_for(&tokens);
    let (parsed, _) = budget::parse(tokens, DEEPEST, budget);
    let statements = parsed.map_err(|error| match error {
        Unparsed::TooComplex => "is too complex to be checked: simplify it, or nest it less".to_owned(),
        Unparsed::Wrong(ParserError::RecursionLimitExceeded) => format!("is nested deeper than {DEEPEST} levels"),
        Unparsed::Wrong(ParserError::ParserError(what) | ParserError::TokenizerError(what)) => {
            format!("cannot be read as SQL: {what}")
        }
    })?;
    for statement in &statements {
        if let ControlFlow::Break(why) = statement.visit(&mut OnlyReads { inside: false }) {
            return Err(why.to_owned());
        }
    }
    Ok(())
}

fn budget_for(tokens: &[TokenWithSpan]) -> Budget {
    Budget { questions: MOST_QUESTIONS.min(QUESTIONS + QUESTIONS_A_TOKEN * tokens.len()), time: PATIENCE }
}

/// The tokens as the parser sees them. Texts and names are cut, for what is in them does not matter. Of blanks and comments
/// side by side one blank is left: the parser passes over all of them at each look at what comes next.
fn shortened(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut short: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    for mut token in tokens {
        if let Token::Whitespace(blank) = &mut token.token {
            if short.last().is_some_and(|last| matches!(last.token, Token::Whitespace(_))) {
                continue;
            }
            *blank = Whitespace::Space;
        }
        if let Some(text) = text_of(&mut token.token) {
            text.truncate(text.floor_char_boundary(LONGEST_TOKEN));
        }
        short.push(token);
    }
    short
}

#[expect(clippy::wildcard_enum_match_arm, reason = "there are a hundred of them")]
fn text_of(token: &mut Token) -> Option<&mut String> {
    match token {
        Token::Word(word) => Some(&mut word.value),
        Token::DollarQuotedString(quoted) => Some(&mut quoted.value),
        Token::Number(text, _)
        | Token::SingleQuotedString(text)
        | Token::DoubleQuotedString(text)
        | Token::SingleQuotedByteStringLiteral(text)
        | Token::DoubleQuotedByteStringLiteral(text)
        | Token::NationalStringLiteral(text)
        | Token::EscapedStringLiteral(text)
        | Token::UnicodeStringLiteral(text)
        | Token::HexStringLiteral(text)
        | Token::Placeholder(text)
        | Token::CustomBinaryOperator(text) => Some(text),
        // Signs; the rest is no part of Postgres' language.
        _ => None,
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

/// The words that can chain: all that the parser takes between two operands, behind one, between two queries or behind a table,
/// whether Postgres knows it or not.
const CHAINING: [&str; 30] = [
    "AND",
    "OR",
    "XOR",
    "NOT",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "MINUS",
    "JOIN",
    "STRAIGHT_JOIN",
    "IS",
    "ISNULL",
    "NOTNULL",
    "IN",
    "BETWEEN",
    "OVERLAPS",
    "LIKE",
    "ILIKE",
    "RLIKE",
    "REGEXP",
    "MATCH",
    "GLOB",
    "SIMILAR",
    "MEMBER",
    "OPERATOR",
    "DIV",
    "COLLATE",
    "AT",
    "PIVOT",
    "UNPIVOT",
];

fn is_word(token: &Token, words: &[&str]) -> bool {
    let Token::Word(word) = token else { return false };
    word.quote_style.is_none() && words.iter().any(|one| word.value.eq_ignore_ascii_case(one))
}

/// What can chain: `a + b + c`, `a AND b`, `x UNION y`, `a::b::c`. Names, literals and commas can't; all the rest
/// counts, whatever a newer parser may know.
fn is_operator(token: &Token) -> bool {
    if let Token::Word(_) = token {
        return is_word(token, &CHAINING);
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
