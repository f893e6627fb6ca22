//! Who imports whom in a crate, read from its text: good enough for code that rustfmt has formatted, without macros' help.

use std::collections::{BTreeMap, BTreeSet};

/// A path in the code of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The file, below `src`.
    pub file: String,
    /// The path from the root of its crate (`["wire", "error", "ApiError"]`) or, with `of_crate` false, as it is written.
    pub path: Vec<String>,
    /// Whether it begins with `crate`, `super` or `self`.
    pub of_crate: bool,
}

/// All paths in a file, which is named as below `src`, with groups taken apart.
pub fn imports(file: &str, text: &str) -> Vec<Import> {
    let mut module: Vec<String> = file.trim_end_matches(".rs").split('/').map(ToOwned::to_owned).collect();
    module.retain(|part| !["mod", "lib", "main"].contains(&part.as_str()));
    let mut found = Vec::new();
    let (mut part, mut inline) = (String::new(), None::<String>);
    let mut take = |part: &mut String, inline: &Option<String>| {
        let here: Vec<String> = module.iter().cloned().chain(inline.clone()).collect();
        let tokens = tokens(part);
        part.clear();
        for path in paths(&tokens) {
            let of_crate = ["crate", "super", "self"].contains(&path[0].as_str());
            found.push(Import {
                file: file.to_owned(),
                path: if of_crate { resolved(&here, &path) } else { path },
                of_crate,
            });
        }
    };
    for line in text.lines() {
        let opened =
            line.strip_suffix(" {").and_then(|line| line.rsplit_once("mod ")).filter(|_| !line.starts_with(' '));
        if let Some((_, name)) = opened {
            take(&mut part, &inline);
            inline = Some(name.to_owned());
        }
        part.push_str(without_comment(line));
        part.push('\n');
        if line == "}" {
            take(&mut part, &inline);
            inline = None;
        }
    }
    take(&mut part, &inline);
    found
}

/// The folder of a file, or the file itself at the root: `wire/error.rs` is `wire`, `state.rs` and `state/x.rs` are `state`.
pub fn room(file: &str) -> &str {
    file.split('/').next().unwrap_or_default().trim_end_matches(".rs")
}

/// A circle between rooms, if there is one: each step with a path that makes it.
pub fn circle(imports: &[Import]) -> Option<Vec<String>> {
    let rooms: BTreeSet<&str> = imports.iter().map(|import| room(&import.file)).collect();
    let mut edges: BTreeMap<&str, BTreeMap<&str, String>> = BTreeMap::new();
    for import in imports.iter().filter(|import| import.of_crate) {
        let Some(to) = import.path.first().and_then(|head| rooms.get(head.as_str())) else { continue };
        let from = room(&import.file);
        if from != *to {
            let step = format!("{from} -> {to} ({}: {})", import.file, import.path.join("::"));
            edges.entry(from).or_default().entry(to).or_insert(step);
        }
    }
    // What imports nothing that is left is in no circle.
    loop {
        let left: Vec<&str> = edges.keys().copied().collect();
        for to in edges.values_mut() {
            to.retain(|to, _| left.contains(to));
        }
        edges.retain(|_, to| !to.is_empty());
        if edges.len() == left.len() {
            break;
        }
    }
    let mut at = *edges.keys().next()?;
    let (mut seen, mut steps) = (Vec::new(), Vec::new());
    while !seen.contains(&at) {
        seen.push(at);
        let (to, step) = edges[at].iter().next()?;
        steps.push(step.clone());
        at = to;
    }
    let first = seen.iter().position(|room| *room == at)?;
    Some(steps.split_off(first))
}

fn without_comment(line: &str) -> &str {
    let starts =
        line.match_indices("//").find(|(at, _)| line[..*at].chars().next_back().is_none_or(char::is_whitespace));
    starts.map_or(line, |(at, _)| &line[..at])
}

/// Names, `::` and single signs.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut glued = false;
    for sign in text.chars() {
        let in_name = sign.is_alphanumeric() || sign == '_';
        match tokens.last_mut() {
            Some(last) if glued && in_name && last.chars().all(|c| c.is_alphanumeric() || c == '_') => last.push(sign),
            Some(last) if glued && sign == ':' && last == ":" => last.push(sign),
            _ if !sign.is_whitespace() => tokens.push(sign.to_string()),
            _ => {}
        }
        glued = !sign.is_whitespace();
    }
    tokens
}

/// Each path of two names and more, and each name that is `use`d.
fn paths(tokens: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let used = tokens[at] == "use";
        // A path may begin with `::`: what follows is a crate.
        let start = at + usize::from(used) + usize::from(used && tokens.get(at + 1).is_some_and(|next| next == "::"));
        if used || (is_name(&tokens[at]) && tokens.get(at + 1).is_some_and(|next| next == "::")) {
            at = tree(tokens, start, &[], &mut found).max(at + 1);
        } else {
            at += 1;
        }
    }
    found.retain(|path| !path.is_empty());
    found
}

/// Takes a tree of paths apart; tells where it ends.
fn tree(tokens: &[String], mut at: usize, before: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut path = before.to_vec();
    loop {
        match tokens.get(at).map(String::as_str) {
            Some("{") => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token != "}") {
                    at = tree(tokens, at, &path, found).max(at + 1);
                    // `as` and its name.
                    while tokens.get(at).is_some_and(|token| token != "," && token != "}") {
                        at += 1;
                    }
                    at += usize::from(tokens.get(at).is_some_and(|token| token == ","));
                }
                return at + 1;
            }
            Some(name) if is_name(name) || name == "*" => path.push(name.to_owned()),
            _ => break,
        }
        at += 1;
        if tokens.get(at).is_none_or(|token| token != "::") {
            break;
        }
        at += 1;
    }
    found.push(path);
    at
}

fn is_name(token: &str) -> bool {
    token.chars().all(|sign| sign.is_alphanumeric() || sign == '_')
}

fn resolved(module: &[String], path: &[String]) -> Vec<String> {
    let mut here = if path[0] == "crate" { Vec::new() } else { module.to_vec() };
    for part in path {
        match part.as_str() {
            "crate" | "self" => {}
            "super" => drop(here.pop()),
            name => here.push(name.to_owned()),
        }
    }
    here
}

#[test]
fn paths_are_read_however_they_are_written() {
    let check = |file: &str, text: &str, expected: &[&str]| {
        let told = |import: Import| format!("{}{}", if import.of_crate { "" } else { "::" }, import.path.join("::"));
        assert_eq!(imports(file, text).into_iter().map(told).collect::<Vec<_>>(), expected, "{text}");
    };
    check("a/b.rs", "use crate::c::{self, d, e::{F, g as h}, *};\n", &["c", "c::d", "c::e::F", "c::e::g", "c::*"]);
    check("a/b.rs", "use super::c;\nuse self::d::E;\nuse super::super::f::G;\n", &["a::c", "a::b::d::E", "f::G"]);
    check("a/mod.rs", "use super::f::G;\n", &["f::G"]);
    check("a/b.rs", "fn f(x: crate::c::D) -> super::E {\n", &["c::D", "a::E"]);
    check("a/b.rs", "use store;\nuse ::store::X;\nuse store as s;\n", &["::store", "::store::X", "::store"]);
    check("a/b.rs", "    let x = store::X::new(); // crate::z::Z\n/// [`crate::z`]\n", &["::store::X::new"]);
    check("a/b.rs", "mod tests {\n    use super::super::c;\n}\nuse super::d::E;\n", &["a::c", "a::d::E"]);
    check("a/b.rs", "use crate::{\n    c::D,\n    e,\n};\n", &["c::D", "e"]);
}

#[test]
fn circles_are_found() {
    let check = |files: &[(&str, &str)], expected: &[&str]| {
        let found: Vec<_> = files.iter().flat_map(|(file, text)| imports(file, text)).collect();
        let circle = circle(&found).unwrap_or_default();
        let steps: Vec<_> = circle.iter().map(|step| step.split(" (").next().unwrap_or_default()).collect();
        assert_eq!(steps, expected, "{files:?}");
    };
    check(&[("a/x.rs", "use crate::b::Y;"), ("b.rs", "use crate::c::Z;"), ("c/mod.rs", "use std::fmt;")], &[]);
    let one = [("a/x.rs", "use crate::b::Y;"), ("b.rs", "use super::c::Z;"), ("c/d/e.rs", "fn f(a: crate::a::x::X);")];
    check(&one, &["a -> b", "b -> c", "c -> a"]);
    check(
        &[("top.rs", "use crate::a::X;"), ("a/x.rs", "use crate::b::Y;"), ("b/y.rs", "use crate::a::X;")],
        &["a -> b", "b -> a"],
    );
}
