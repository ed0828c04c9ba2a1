//! The bench works: every row is there and can be read. How fast anything is, is not tested.
//!
//! Where psutil was not fetched yet it says so; `cargo xtask test` fetches it before.

#[path = "../../tests/rows/mod.rs"]
mod rows;

#[test]
fn every_row_is_one_json_object_or_it_says_what_is_missing() {
    let output = rows::run_quickly(env!("CARGO_BIN_EXE_bench-info"));
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("cargo xtask facts") {
        assert!(!output.status.success());
        return;
    }
    let rows = rows::rows(output);
    assert_eq!(rows.len(), 9, "{rows:#?}");
    assert!(rows.iter().all(|row| row["unit"] == "ms"), "{rows:#?}");
}
