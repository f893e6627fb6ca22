//! A bound on what the parser does. sqlparser tries one reading after the other and takes back what it has read, which can
//! double its work with each level of `position(position(…`; its own limit counts levels. So this counts what the parser
//! asks of its dialect: several times for each query and expression, at least once for each alias. Some lists it reads to their end
//! without asking anything, so there is a deadline too, looked at with each question.

use sqlparser::ast::{Expr, Statement};
use sqlparser::dialect::{Dialect, PostgreSqlDialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::TokenWithSpan;
use std::any::TypeId;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

/// Why there is no syntax tree.
#[derive(Debug)]
pub enum Unparsed {
    /// The budget or the time is used up.
    TooComplex,
    /// The parser's own error.
    Wrong(ParserError),
}

/// How much a parse may cost.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// What the parser may ask of its dialect.
    pub questions: usize,
    /// How long it may take.
    pub time: Duration,
}

/// Postgres' dialect, which answers so many questions for so long and no more.
#[derive(Debug)]
struct Budgeted {
    left: Cell<usize>,
    begun: Instant,
    time: Duration,
}

/// What ends a parse. An error would not: the parser drops errors of a reading that it tries, and goes on with the next.
struct UsedUp;

/// Parses with a budget; how many questions were asked is told too.
pub fn parse(tokens: Vec<TokenWithSpan>, deepest: usize, budget: Budget) -> (Result<Vec<Statement>, Unparsed>, usize) {
    let dialect = Budgeted { left: Cell::new(budget.questions), begun: Instant::now(), time: budget.time };
    // Nothing of the parser is looked at after it was abandoned.
    let parsed = catch_unwind(AssertUnwindSafe(|| {
        Parser::new(&dialect).with_recursion_limit(deepest).with_tokens_with_locations(tokens).parse_statements()
    }));
    let result = match parsed {
        Ok(parsed) => parsed.map_err(Unparsed::Wrong),
        Err(panic) if panic.is::<UsedUp>() => Err(Unparsed::TooComplex),
        Err(panic) => resume_unwind(panic),
    };
    (result, budget.questions - dialect.left.get())
}

impl Budgeted {
    fn asked(&self) -> &PostgreSqlDialect {
        match self.left.get().checked_sub(1) {
            Some(left) if self.begun.elapsed() < self.time => self.left.set(left),
            // Without the panic hook: nothing is logged.
            _ => resume_unwind(Box::new(UsedUp)),
        }
        &PostgreSqlDialect {}
    }
}

/// Answers as Postgres' dialect does. `the_budget_changes_no_reading` compares the two.
macro_rules! as_postgres {
    ($($question:ident)+) => { $(fn $question(&self) -> bool { self.asked().$question() })+ };
}

impl Dialect for Budgeted {
    fn dialect(&self) -> TypeId {
        // The parser has branches for one dialect or another.
        PostgreSqlDialect {}.dialect()
    }

    fn identifier_quote_style(&self, identifier: &str) -> Option<char> {
        self.asked().identifier_quote_style(identifier)
    }

    fn is_delimited_identifier_start(&self, character: char) -> bool {
        self.asked().is_delimited_identifier_start(character)
    }

    fn is_identifier_start(&self, character: char) -> bool {
        self.asked().is_identifier_start(character)
    }

    fn is_identifier_part(&self, character: char) -> bool {
        self.asked().is_identifier_part(character)
    }

    fn is_custom_operator_part(&self, character: char) -> bool {
        self.asked().is_custom_operator_part(character)
    }

    fn is_reserved_for_identifier(&self, keyword: Keyword) -> bool {
        self.asked().is_reserved_for_identifier(keyword)
    }

    fn is_column_alias(&self, keyword: &Keyword, parser: &mut Parser<'_>) -> bool {
        self.asked().is_column_alias(keyword, parser)
    }

    fn is_table_alias(&self, keyword: &Keyword, parser: &mut Parser<'_>) -> bool {
        self.asked().is_table_alias(keyword, parser)
    }

    fn is_table_factor(&self, keyword: &Keyword, parser: &mut Parser<'_>) -> bool {
        self.asked().is_table_factor(keyword, parser)
    }

    fn parse_prefix(&self, parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
        self.asked().parse_prefix(parser)
    }

    fn parse_infix(&self, parser: &mut Parser<'_>, expr: &Expr, precedence: u8) -> Option<Result<Expr, ParserError>> {
        self.asked().parse_infix(parser, expr, precedence)
    }

    fn parse_statement(&self, parser: &mut Parser<'_>) -> Option<Result<Statement, ParserError>> {
        self.asked().parse_statement(parser)
    }

    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        self.asked().get_next_precedence(parser)
    }

    fn prec_value(&self, precedence: Precedence) -> u8 {
        self.asked().prec_value(precedence)
    }

    as_postgres! {
        allow_extract_custom
        allow_extract_single_quotes
        supports_aliased_function_args
        supports_alter_column_type_using
        supports_alter_user_as_alter_role
        supports_array_typedef_with_brackets
        supports_bitwise_shift_operators
        supports_comma_separated_trim
        supports_comment_on
        supports_comment_optimizer_hint
        supports_create_index_with_clause
        supports_create_table_like_parenthesized
        supports_empty_projections
        supports_exclude_constraint
        supports_explain_with_utility_options
        supports_factorial_operator
        supports_filter_during_aggregation
        supports_geometric_types
        supports_group_by_expr
        supports_insert_table_alias
        supports_interval_options
        supports_left_associative_joins_without_parens
        supports_listen_notify
        supports_load_extension
        supports_named_fn_args_with_colon_operator
        supports_named_fn_args_with_expr_name
        supports_nested_comments
        supports_notnull_operator
        supports_numeric_literal_underscores
        supports_order_by_using_operator
        supports_parens_around_table_factor
        supports_partiql
        supports_select_wildcard_with_alias
        supports_set_names
        supports_string_escape_constant
        supports_trailing_commas
        supports_unicode_string_literal
        supports_values_as_table_factor
        supports_xml_expressions
    }
}
