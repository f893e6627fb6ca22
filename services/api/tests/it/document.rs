//! The document and its page ask for no token, and for nothing from elsewhere.

use crate::fixture::Fixture;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_and_its_page_are_open_to_all() {
    let fixture = Fixture::without_database();
    let get = async |path: &str| {
        let answer = reqwest::get(format!("{}{path}", fixture.url)).await.expect("an answer");
        let kind = answer.headers()["content-type"].to_str().expect("ASCII").to_owned();
        (answer.status().as_u16(), kind, answer.text().await.expect("text"))
    };
    let (status, kind, text) = get("/openapi.json").await;
    assert_eq!((status, kind.as_str()), (200, "application/json"));
    let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(document["components"]["securitySchemes"]["token"]["scheme"], "bearer");
    let (status, kind, page) = get("/docs").await;
    assert_eq!((status, kind.as_str()), (200, "text/html; charset=utf-8"));
    assert!(page.contains("openapi.json") && !page.contains("http://") && !page.contains("https://"));
}
