//! Pictures of how memory went, as SVG.

use std::path::Path;

use plotters::prelude::*;

/// One line of a panel.
pub struct Curve {
    /// What its label says; of the same name, the same colour in all panels.
    pub name: &'static str,
    /// Uploads, and MiB that were resident after them.
    pub points: Vec<(f64, f64)>,
}

/// One of several pictures side by side, whose heights mean the same.
pub struct Panel {
    /// What stands above it.
    pub title: String,
    /// What is drawn.
    pub curves: Vec<Curve>,
}

const PANEL: (u32, u32) = (480, 320);
const COLOURS: [RGBColor; 3] = [
    RGBColor(204, 102, 51),
    RGBColor(140, 140, 140),
    RGBColor(31, 119, 180),
];

/// Draws the panels side by side.
///
/// # Panics
/// When there are more than three names, or the file cannot be written.
pub fn draw(path: &Path, panels: &[Panel]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let width = PANEL.0 * u32::try_from(panels.len()).unwrap();
    let area = SVGBackend::new(path, (width, PANEL.1)).into_drawing_area();
    area.fill(&WHITE).unwrap();
    let names = names(panels);
    let height = highest(panels, |point| point.1);
    for (panel, area) in panels.iter().zip(area.split_evenly((1, panels.len()))) {
        let colour = |curve: &Curve| {
            let place = names.iter().position(|name| *name == curve.name);
            COLOURS[place.unwrap()]
        };
        let last = highest(std::slice::from_ref(panel), |point| point.0);
        let mut chart = ChartBuilder::on(&area)
            .caption(&panel.title, ("sans-serif", 15))
            .margin(14)
            .x_label_area_size(38)
            .y_label_area_size(52)
            .build_cartesian_2d(0.0..last, 0.0..height * 1.1)
            .unwrap();
        chart
            .configure_mesh()
            .x_desc("uploads")
            .y_desc("MiB resident")
            .x_labels(5)
            .x_label_formatter(&|uploads| format!("{uploads:.0}"))
            .y_label_formatter(&|mib| format!("{mib:.0}"))
            .light_line_style(WHITE)
            .draw()
            .unwrap();
        for curve in &panel.curves {
            let colour = colour(curve);
            let line = LineSeries::new(curve.points.iter().copied(), colour.stroke_width(2));
            let legend =
                move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], colour.stroke_width(2));
            chart
                .draw_series(line)
                .unwrap()
                .label(curve.name)
                .legend(legend);
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.8))
            .draw()
            .unwrap();
    }
    area.present().unwrap();
}

fn names(panels: &[Panel]) -> Vec<&'static str> {
    let mut names = Vec::new();
    for curve in panels.iter().flat_map(|panel| &panel.curves) {
        if !names.contains(&curve.name) {
            names.push(curve.name);
        }
    }
    names
}

fn highest(panels: &[Panel], of: impl Fn(&(f64, f64)) -> f64) -> f64 {
    let points = panels
        .iter()
        .flat_map(|panel| &panel.curves)
        .flat_map(|curve| &curve.points);
    points.map(of).fold(1.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_all_its_curves_and_names_each() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("not/there/yet.svg");
        let curve = |name, top| Curve {
            name,
            points: vec![(100.0, 1.0), (200.0, top)],
        };
        let panel = |title: &str, curves| Panel {
            title: title.to_owned(),
            curves,
        };
        let panels = [
            panel("short", vec![curve("theirs", 300.0), curve("ours", 50.0)]),
            panel("long", vec![curve("ours", 60.0)]),
        ];
        draw(&path, &panels);
        let drawn = std::fs::read_to_string(&path).unwrap();
        for text in ["short", "long", "theirs", "ours", "MiB resident"] {
            assert!(drawn.contains(text), "no {text} in {drawn}");
        }
        let colour = |RGBColor(r, g, b): RGBColor| format!("#{r:02X}{g:02X}{b:02X}");
        let lines = |of| drawn.matches(&colour(COLOURS[of])).count();
        assert_eq!((lines(0), lines(1)), (2, 4), "{drawn}");
    }
}
