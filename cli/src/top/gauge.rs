//! Small pictures of amounts, from characters.

use crate::units;

const STEPS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One character as high as `percent` of 100. Anything above nothing can be seen.
pub(crate) fn level(percent: f64) -> char {
    if percent < 0.5 {
        return ' ';
    }
    let step = (percent / 100.0 * units::float(STEPS.len() as u64)).ceil() as usize;
    STEPS[step.clamp(1, STEPS.len()) - 1]
}

/// The last `cells` of `history`, the newest at the right side.
pub(crate) fn sparkline(history: &[f64], cells: usize) -> String {
    let shown = &history[history.len().saturating_sub(cells)..];
    let blanks = cells - shown.len();
    std::iter::repeat_n(' ', blanks).chain(shown.iter().map(|&percent| level(percent))).collect()
}

/// A bar of `cells` filled to `percent` of 100, in eighths of a cell.
pub(crate) fn bar(percent: f64, cells: usize) -> String {
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths =
        (percent.clamp(0.0, 100.0) / 100.0 * units::float(cells as u64 * 8)).round() as usize;
    let full = std::iter::repeat_n('█', eighths / 8);
    let bar: String = full.chain([EIGHTHS[eighths % 8]]).take(cells).collect();
    format!("{bar:cells$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_rise() {
        let drawn: String =
            [0.0, 1.0, 12.5, 13.0, 50.0, 99.0, 100.0, 250.0].map(level).iter().collect();
        assert_eq!(drawn, " ▁▁▂▄███");
    }

    #[test]
    fn a_sparkline_shows_the_newest_at_the_right() {
        assert_eq!(sparkline(&[100.0, 50.0], 4), "  █▄");
        assert_eq!(sparkline(&[1.0, 100.0, 50.0], 2), "█▄");
        assert_eq!(sparkline(&[], 0), "");
    }

    #[test]
    fn a_bar_is_filled_in_eighths() {
        assert_eq!(bar(50.0, 4), "██  ");
        assert_eq!(bar(53.125, 4), "██▏ ");
        assert_eq!((bar(0.0, 3), bar(400.0, 3)), ("   ".into(), "███".into()));
        assert_eq!(bar(f64::NAN, 2), "  ");
    }
}
