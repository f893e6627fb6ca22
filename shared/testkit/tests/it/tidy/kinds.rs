//! A kind is named in its own folders and in the tables of kinds, and nowhere else in the product.

use super::sources;

/// Where a kind of the product may be named: the start of a path.
const TABLES: [&str; 4] =
    ["shared/kinds/src/", "services/worker/src/executor/", "services/api/src/kinds/", "services/api/src/dialect/"];

/// Each kind's own names, and where else one of them stands, with the reason.
const KINDS: [(&str, &[&str], &[&str]); 4] = [
    ("postgres_export", &["postgres.export", "postgres_export::", "PostgresExport"], &[]),
    (
        "storage_transfer",
        &["storage.transfer", "storage_transfer::", "StorageTransfer"],
        &[
            // Composes the dialects, one of which is called so.
            "services/api/src/routes.rs",
        ],
    ),
    (
        "demo_steps",
        &["demo.steps", "demo_steps::", "DemoSteps"],
        &[
            // The old form of a setting.
            "shared/runtime/src/config.rs",
        ],
    ),
    (
        "operations_cancel",
        &["\"operations.cancel\"", "operations_cancel::", "CancelOperations"],
        &[
            // A method of its own.
            "services/api/src/native/bulk.rs",
            // A scope, and methods, that are called so too.
            "shared/runtime/src/scope.rs",
            "services/api/src/native/routes.rs",
        ],
    ),
];

/// The code of a file, without its unit tests and comments.
fn product(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect()
}

#[test]
fn no_other_file_of_the_product_names_a_kind() {
    let is_product = |name: &str| {
        name.contains("/src/")
            && !name.starts_with("shared/testkit/")
            && !name.starts_with("loadtest/")
            && !name.ends_with("/tests.rs")
            // Operations for unit tests.
            && !name.ends_with("operations/samples.rs")
    };
    let mut seen = 0;
    for (name, text) in sources().iter().filter(|(name, _)| is_product(name)) {
        let code = product(text);
        for (kind, words, elsewhere) in KINDS {
            for word in words.iter().filter(|word| code.contains(**word)) {
                let allowed = TABLES.iter().any(|table| name.starts_with(table)) || elsewhere.contains(&name.as_str());
                assert!(allowed, "{name} says {word}: only the folders of {kind} and the tables of kinds do");
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "the walk finds the kinds");
}
