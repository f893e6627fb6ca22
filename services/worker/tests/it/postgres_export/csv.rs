use super::world::{World, csv_with, output};
use flate2::read::GzDecoder;
use std::io::Read;

const ODD: &str = r#"
    CREATE TABLE odd (id int PRIMARY KEY, a text, b text, c numeric, d bytea, e timestamptz);
    INSERT INTO odd VALUES
        (1, NULL, '', 1.50, '\x00ff', '2026-01-02 03:04:05+00'),
        (2, 'comma, semicolon; pipe| tab	dollar$', 'quote " and '' and back\slash', NULL, NULL, NULL),
        (3, E'line\nbreak\r\n', 'ünï→🦀', -1e30, '', 'infinity'),
        (4, '\.', ' blanks ', 'NaN', NULL, NULL);"#;

/// What psql writes of the same query with the same options.
fn psql(world: &World, query: &str, options: &str) -> Vec<u8> {
    let copy = format!("\\copy ({query}) to stdout with (format csv{options})");
    output("psql", &["-X", "-q", "-c", &copy, &world.source.url()])
}

/// An export is what `psql \copy` writes, byte for byte, whatever the delimiter, quote and escape.
#[tokio::test]
async fn rows_are_those_of_psql() {
    let world = World::new().await;
    world.sql(ODD).await;
    for (delimiter, quote, escape, options) in [
        (',', '"', '"', ""),
        (';', '\'', '\\', ", delimiter ';', quote '''', escape '\\'"),
        ('\t', '"', '\'', ", delimiter '\t', escape ''''"),
        ('|', '$', '$', ", delimiter '|', quote '$', escape '$'"),
    ] {
        let query = "SELECT * FROM odd ORDER BY id";
        let object = format!("deep/er/{}.csv", delimiter as u32);
        let run = world.begin(world.spec(csv_with(query, delimiter, quote, escape), &object)).await;
        let response = run.succeeds().await;
        let expect = psql(&world, query, options);
        assert_eq!(world.object(&object), expect, "{options}");
        assert_eq!(
            response,
            serde_json::json!({
                "uri": format!("gs://exports/{object}"), "rows": "4", "bytes": expect.len().to_string(),
            })
        );
    }
    assert_eq!(world.files().len(), 4);
}

/// A query without rows makes an empty object; comments and a semicolon at the end do no harm.
#[tokio::test]
async fn an_empty_result_is_an_empty_object() {
    let world = World::new().await;
    let run = world.csv("SELECT 1 WHERE false -- none\n; ", "empty.csv").await;
    assert_eq!(run.succeeds().await["rows"], "0");
    assert_eq!(world.object("empty.csv"), b"");

    let run = world.csv("SELECT 1 -- one", "one.csv").await;
    assert_eq!(run.succeeds().await["rows"], "1");
    assert_eq!(world.object("one.csv"), b"1\n");
}

/// An export of many parts arrives whole, and one whose single row is larger than two parts; the planner's estimate
/// is its total.
#[tokio::test]
async fn many_parts_arrive_whole() {
    let world = World::new().await;
    world
        .sql("CREATE TABLE big AS SELECT i, repeat(md5(i::text), 10) t FROM generate_series(1, 90000) i; ANALYZE big")
        .await;
    let run = world.csv("TABLE big", "big.csv").await;
    run.succeeds().await;
    assert_eq!(world.object("big.csv"), psql(&world, "TABLE big", ""));
    let progress = run.attempt.position().progress;
    assert_eq!(progress.items_done, 90_000);
    assert_eq!(progress.items_total, Some(90_000));
    assert_eq!(progress.bytes_done, world.object("big.csv").len() as u64);

    let run = world.csv("SELECT repeat('x', 20 * 1024 * 1024)", "wide.csv").await;
    assert_eq!(run.succeeds().await["rows"], "1");
    assert_eq!(world.object("wide.csv").len(), 20 * 1024 * 1024 + 1);
}

/// An object that ends in `.gz` holds the same rows, compressed; also when it has many parts, or none.
#[tokio::test]
async fn a_gz_object_holds_the_same_rows() {
    let world = World::new().await;
    // Noise: it hardly shrinks, so the compressed object has several parts too.
    let noise = "SELECT i, sha512(i::text::bytea) FROM generate_series(1, 200000) i";
    for query in [noise, "SELECT 1", "SELECT 1 WHERE false"] {
        let run = world.csv(query, "rows.csv.gz").await;
        let response = run.succeeds().await;
        let compressed = world.object("rows.csv.gz");
        assert_eq!(response["bytes"], compressed.len().to_string());
        let mut rows = Vec::new();
        GzDecoder::new(&compressed[..]).read_to_end(&mut rows).unwrap();
        assert!(rows == psql(&world, query, ""), "{query}");
    }
}

/// An object of the same name is replaced.
#[tokio::test]
async fn an_object_is_replaced() {
    let world = World::new().await;
    world.csv("SELECT 'a long first row'", "x.csv").await.succeeds().await;
    world.csv("SELECT 2", "x.csv").await.succeeds().await;
    assert_eq!(world.object("x.csv"), b"2\n");
    assert_eq!(world.files().len(), 1);
}
