//! The grammar of AIP-160 (<https://google.aip.dev/160>): OR binds tighter than AND, and so does what stands side by
//! side. Functions and arguments in parentheses are read as far as it takes to refuse them.

use std::fmt;

/// Characters of a filter.
pub const LONGEST: usize = 4_000;
const DEEPEST: usize = 20;
const MOST_RESTRICTIONS: usize = 50;

/// A filter as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// All of these hold.
    All(Vec<Expression>),
    /// One of these holds.
    Any(Vec<Expression>),
    /// This does not hold.
    Not(Box<Expression>),
    /// `field comparator value`.
    Restriction(Restriction),
    /// A value alone, to be looked for anywhere.
    Anywhere(String),
}

/// `field comparator value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restriction {
    /// The field, with its dots.
    pub field: String,
    /// How it compares.
    pub comparator: Comparator,
    /// With what.
    pub value: String,
}

/// How a field compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Has,
}

impl Comparator {
    /// Longer ones first, so that `<=` is not read as `<`.
    const ALL: [(&str, Self); 7] = [
        ("<=", Self::LessOrEqual),
        (">=", Self::GreaterOrEqual),
        ("!=", Self::NotEqual),
        ("<", Self::Less),
        (">", Self::Greater),
        ("=", Self::Equal),
        (":", Self::Has),
    ];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, comparator)| *comparator == self).map_or("", |(text, _)| text)
    }
}

/// Why a filter can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    what: String,
    at: usize,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at character {})", self.what, self.at + 1)
    }
}

impl std::error::Error for SyntaxError {}

/// Reads a filter; `None` for an empty one.
///
/// # Errors
/// [`SyntaxError`] tells what, and where.
pub fn parse(filter: &str) -> Result<Option<Expression>, SyntaxError> {
    if filter.chars().nth(LONGEST).is_some() {
        return Err(SyntaxError { what: format!("the filter is longer than {LONGEST} characters"), at: LONGEST });
    }
    let text: Vec<char> = filter.chars().collect();
    let mut reader = Reader { text: &text, at: 0, depth: 0, restrictions: 0 };
    reader.skip_blanks();
    if reader.peek().is_none() {
        return Ok(None);
    }
    let expression = reader.expression()?;
    match reader.peek() {
        None => Ok(Some(expression)),
        Some(c) => Err(reader.error(format!("{c:?} is not expected here"))),
    }
}

struct Reader<'a> {
    text: &'a [char],
    at: usize,
    depth: usize,
    restrictions: usize,
}

impl Reader<'_> {
    /// `sequence {AND sequence}`
    fn expression(&mut self) -> Result<Expression, SyntaxError> {
        let mut items = vec![self.sequence()?];
        while self.take_keyword("AND") {
            items.push(self.sequence()?);
        }
        Ok(flat(items, Expression::All))
    }

    /// `factor {factor}`: side by side means AND.
    fn sequence(&mut self) -> Result<Expression, SyntaxError> {
        let mut items = vec![self.factor()?];
        while self.peek().is_some_and(|c| c != ')') && !self.at_keyword("AND") {
            items.push(self.factor()?);
        }
        Ok(flat(items, Expression::All))
    }

    /// `term {OR term}`
    fn factor(&mut self) -> Result<Expression, SyntaxError> {
        let mut items = vec![self.term()?];
        while self.take_keyword("OR") {
            items.push(self.term()?);
        }
        Ok(flat(items, Expression::Any))
    }

    /// `[NOT | -] simple`
    fn term(&mut self) -> Result<Expression, SyntaxError> {
        let negated = self.take_keyword("NOT") || self.take("-");
        let simple = self.simple()?;
        Ok(if negated { Expression::Not(Box::new(simple)) } else { simple })
    }

    /// `(expression)`, or a restriction.
    fn simple(&mut self) -> Result<Expression, SyntaxError> {
        if !self.take("(") {
            return self.restriction();
        }
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.error(format!("the filter is nested deeper than {DEEPEST} levels")));
        }
        self.skip_blanks();
        let inner = self.expression()?;
        if !self.take(")") {
            return Err(self.error("a ) is missing"));
        }
        self.depth -= 1;
        self.skip_blanks();
        Ok(inner)
    }

    /// `member [comparator value]`
    fn restriction(&mut self) -> Result<Expression, SyntaxError> {
        self.restrictions += 1;
        if self.restrictions > MOST_RESTRICTIONS {
            return Err(self.error(format!("the filter has more than {MOST_RESTRICTIONS} restrictions")));
        }
        if ["AND", "OR", "NOT"].iter().any(|keyword| self.at_keyword(keyword)) {
            return Err(self.error("a restriction is expected before this keyword"));
        }
        let field = self.value(false)?;
        if self.peek() == Some('(') {
            return Err(self.error("functions are not served"));
        }
        self.skip_blanks();
        let Some(comparator) = Comparator::ALL.iter().find(|(text, _)| self.take(text)).map(|(_, c)| *c) else {
            return Ok(Expression::Anywhere(field));
        };
        self.skip_blanks();
        if self.peek() == Some('(') {
            return Err(self.error("a value in parentheses is not served"));
        }
        let value = self.value(true)?;
        self.skip_blanks();
        Ok(Expression::Restriction(Restriction { field, comparator, value }))
    }

    /// A text, quoted or not. On the right of a comparator an unquoted time keeps its colons.
    fn value(&mut self, right: bool) -> Result<String, SyntaxError> {
        if let Some(quote @ ('"' | '\'')) = self.peek() {
            return self.quoted(quote);
        }
        let start = self.at;
        while let Some(c) = self.peek() {
            let colon_of_a_time = c == ':' && right && starts_like_a_time(&self.text[start..self.at]);
            let ends = c.is_whitespace() || matches!(c, '(' | ')' | ',' | '"' | '\'' | '=' | '<' | '>' | '!' | ':');
            if ends && !colon_of_a_time {
                break;
            }
            if c.is_control() {
                return Err(self.error("control characters are not allowed"));
            }
            self.at += 1;
        }
        if start == self.at {
            return Err(self.error(if right { "a value is expected" } else { "a field is expected" }));
        }
        Ok(self.text[start..self.at].iter().collect())
    }

    fn quoted(&mut self, quote: char) -> Result<String, SyntaxError> {
        let start = self.at;
        self.at += 1;
        let mut value = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                c if c == quote => return Ok(value),
                '\\' => {
                    let escaped = self.peek().ok_or_else(|| self.error("the text ends with a backslash"))?;
                    self.at += 1;
                    value.push(escaped);
                }
                c if c.is_control() => return Err(self.error("control characters are not allowed")),
                c => value.push(c),
            }
        }
        self.at = start;
        Err(self.error("the quoted text has no end"))
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self.starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn take_keyword(&mut self, keyword: &str) -> bool {
        let found = self.at_keyword(keyword);
        if found {
            self.at += keyword.len();
            self.skip_blanks();
        }
        found
    }

    /// Keywords are upper case, and whole words.
    fn at_keyword(&self, keyword: &str) -> bool {
        let after = self.text.get(self.at + keyword.len()).copied();
        self.starts_with(keyword) && after.is_none_or(|c| c.is_whitespace() || c == '(')
    }

    fn starts_with(&self, text: &str) -> bool {
        // Keywords and comparators are ASCII: as many characters as bytes.
        self.text[self.at..].iter().take(text.len()).copied().eq(text.chars())
    }

    fn error(&self, what: impl Into<String>) -> SyntaxError {
        SyntaxError { what: what.into(), at: self.at }
    }
}

fn flat(mut items: Vec<Expression>, several: impl FnOnce(Vec<Expression>) -> Expression) -> Expression {
    match items.pop() {
        Some(only) if items.is_empty() => only,
        last => {
            items.extend(last);
            several(items)
        }
    }
}

/// `2026-11-23T`
fn starts_like_a_time(text: &[char]) -> bool {
    let pattern = "dddd-dd-ddT";
    text.len() >= pattern.len()
        && pattern.chars().zip(text).all(|(expected, c)| match expected {
            'd' => c.is_ascii_digit(),
            other => c.eq_ignore_ascii_case(&other),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree, written with all its parentheses.
    fn shown(expression: &Expression) -> String {
        let list =
            |items: &[Expression], sign: &str| format!("({})", items.iter().map(shown).collect::<Vec<_>>().join(sign));
        match expression {
            Expression::All(items) => list(items, " & "),
            Expression::Any(items) => list(items, " | "),
            Expression::Not(inner) => format!("!{}", shown(inner)),
            Expression::Restriction(r) => format!("{}{}[{}]", r.field, r.comparator.as_str(), r.value),
            Expression::Anywhere(value) => format!("[{value}]"),
        }
    }

    #[test]
    fn or_binds_tighter_than_and() {
        let check = |filter: &str, expected: &str| {
            let got = parse(filter).map(|parsed| parsed.as_ref().map(shown).unwrap_or_default());
            assert_eq!(got.as_deref(), Ok(expected), "{filter}");
        };
        check("", "");
        check("  \t\n", "");
        check("a=1", "a=[1]");
        check("  a  =  1  ", "a=[1]");
        check("a=1 AND b=2 OR c=3", "(a=[1] & (b=[2] | c=[3]))");
        check("a=1 OR b=2 AND c=3", "((a=[1] | b=[2]) & c=[3])");
        check("(a=1 AND b=2) OR c=3", "((a=[1] & b=[2]) | c=[3])");
        check("a=1 b=2 OR c=3", "(a=[1] & (b=[2] | c=[3]))");
        check("a=1 b=2 AND c=3", "((a=[1] & b=[2]) & c=[3])");
        check("(a=1)(b=2)", "(a=[1] & b=[2])");
        check("NOT a=1", "!a=[1]");
        check("NOT(a=1 OR b=2)", "!(a=[1] | b=[2])");
        check("-a=1 AND -(b=2)", "(!a=[1] & !b=[2])");
        check("a<1 b<=2 c>3 d>=4 e!=5 f:6 g=7", "(a<[1] & b<=[2] & c>[3] & d>=[4] & e!=[5] & f:[6] & g=[7])");
        check("metadata.verb = \"export\"", "metadata.verb=[export]");
        check("a=\"x y \\\" ) AND (\" b='it\\'s'", "(a=[x y \" ) AND (] & b=[it's])");
        check(
            "a=projects/p/locations/us-central1/clusters/c.d_e",
            "a=[projects/p/locations/us-central1/clusters/c.d_e]",
        );
        check("t>=2026-11-23T10:00:00+02:00 AND a=1", "(t>=[2026-11-23T10:00:00+02:00] & a=[1])");
        check("(t<2026-11-23t10:00:00Z)", "t<[2026-11-23t10:00:00Z]");
        check("m.foo:*", "m.foo:[*]");
        check("a=-1", "a=[-1]");
        check("export", "[export]");
        check("\"two words\" more", "([two words] & [more])");
        check("a=1 and b=2", "(a=[1] & [and] & b=[2])");
        check("ORDER=1 ANDROID=2 NOTE=3", "(ORDER=[1] & ANDROID=[2] & NOTE=[3])");
        check("ä=\"ö\"", "ä=[ö]");
    }

    #[test]
    fn what_is_no_filter_is_refused_with_its_place() {
        let check = |filter: &str, expected: &str| {
            let got = parse(filter).expect_err(filter).to_string();
            assert_eq!(got, expected, "{filter}");
        };
        check("a=", "a value is expected (at character 3)");
        check("=1", "a field is expected (at character 1)");
        check("(a=1", "a ) is missing (at character 5)");
        check("a=1)", "')' is not expected here (at character 4)");
        check("()", "a field is expected (at character 2)");
        check("a=1 AND", "a field is expected (at character 8)");
        check("AND a=1", "a restriction is expected before this keyword (at character 1)");
        check("a=1 OR OR b=2", "a restriction is expected before this keyword (at character 8)");
        check("NOT NOT a=1", "a restriction is expected before this keyword (at character 5)");
        check("a=\"x", "the quoted text has no end (at character 3)");
        check("a=\"x\\", "the text ends with a backslash (at character 6)");
        check("a=\"\u{0}\"", "control characters are not allowed (at character 5)");
        check("size(a) > 3", "functions are not served (at character 5)");
        check("a:(b OR c)", "a value in parentheses is not served (at character 3)");
        check("a=1,b=2", "a field is expected (at character 4)");
        check("a==1", "a value is expected (at character 3)");
        check(&"(".repeat(3_000), "the filter is nested deeper than 20 levels (at character 22)");
        check(&"a=1 ".repeat(60), "the filter has more than 50 restrictions (at character 201)");
        check(&"a".repeat(5_000), "the filter is longer than 4000 characters (at character 4001)");
    }
}
