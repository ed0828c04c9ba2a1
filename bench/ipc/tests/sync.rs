//! The bench works: every row is there and can be read. How fast anything is, is not tested.
//!
//! Built with the whole workspace the locks have crash points, and the bench refuses to measure them;
//! `cargo test --package polyproc-bench-ipc` runs it.

#[path = "../../tests/rows/mod.rs"]
mod rows;

#[test]
fn every_row_is_one_json_object_or_it_refuses() {
    let output = rows::run_quickly(env!("CARGO_BIN_EXE_bench-sync"));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    if polyproc_sync::crash::COMPILED_IN {
        assert!(!output.status.success());
        assert!(errors.contains("crash points"), "{errors}");
        return;
    }
    let rows = rows::rows(output);
    // Three need python3.
    let expected = if errors.contains("without CPython") { 16 } else { 19 };
    assert_eq!(rows.len(), expected, "{rows:#?}");
}
