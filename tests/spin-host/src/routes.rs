//! Which component answers which path: Spin's rules.

use anyhow::bail;

use crate::manifest::Trigger;

/// The routes, the most specific first.
#[derive(Debug)]
pub struct Routes(Vec<Route>);

#[derive(Debug)]
struct Route {
    segments: Vec<Segment>,
    component: String,
}

/// In the order in which they are preferred.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Exact(String),
    Any,
    /// Whatever follows, also nothing; the last one.
    Rest,
}

impl Routes {
    /// Fails where two routes match the same paths.
    pub fn new(triggers: &[Trigger]) -> anyhow::Result<Self> {
        let mut routes: Vec<Route> = triggers
            .iter()
            .map(|trigger| Route {
                segments: parse(&trigger.route),
                component: trigger.component.clone(),
            })
            .collect();
        routes.sort_by(|a, b| a.segments.cmp(&b.segments));
        let same = |pair: &&[Route]| pair[0].segments == pair[1].segments;
        if let Some(pair) = routes.windows(2).find(same) {
            bail!(
                "{} and {} have the same route",
                pair[0].component,
                pair[1].component
            );
        }
        Ok(Self(routes))
    }

    /// The component for `path`: segment by segment an exact route is preferred to `:name`, and
    /// that to `/...`.
    pub fn component(&self, path: &str) -> Option<&str> {
        let path: Vec<&str> = split(path).collect();
        let found = self.0.iter().find(|route| matches(&route.segments, &path));
        found.map(|route| route.component.as_str())
    }
}

fn parse(route: &str) -> Vec<Segment> {
    let segments = split(route).map(|segment| match segment {
        "..." | "*" => Segment::Rest,
        name if name.starts_with(':') => Segment::Any,
        exact => Segment::Exact(exact.to_owned()),
    });
    segments.collect()
}

fn split(path: &str) -> impl Iterator<Item = &str> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    path.split('/').filter(move |_| !path.is_empty())
}

fn matches(route: &[Segment], path: &[&str]) -> bool {
    let wanted = match route {
        [start @ .., Segment::Rest] if start.len() <= path.len() => start,
        whole if whole.len() == path.len() => whole,
        _ => return false,
    };
    let fits = |(segment, part): (&Segment, &&str)| match segment {
        Segment::Exact(exact) => exact == part,
        Segment::Any | Segment::Rest => !part.is_empty(),
    };
    wanted.iter().zip(path).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(routes: &[&str]) -> anyhow::Result<Routes> {
        let triggers: Vec<Trigger> = routes
            .iter()
            .map(|route| Trigger {
                route: (*route).to_owned(),
                component: (*route).to_owned(),
            })
            .collect();
        Routes::new(&triggers)
    }

    #[test]
    fn the_most_specific_route_wins_whatever_their_order() {
        let routes = routes(&[
            "/...",
            "/v1/stores/...",
            "/v1/stores/:store/search",
            "/v1/stores/:store/files/...",
            "/v1/stores/mine/...",
            "/upload",
        ])
        .unwrap();
        for (path, route) in [
            ("/", "/..."),
            ("/uploads", "/..."),
            ("/upload", "/upload"),
            ("/upload/", "/upload"),
            ("/upload/x", "/..."),
            ("/v1/stores", "/v1/stores/..."),
            ("/v1/stores/", "/v1/stores/..."),
            ("/v1/stores/a", "/v1/stores/..."),
            ("/v1/stores/a/search", "/v1/stores/:store/search"),
            ("/v1/stores/a/search/x", "/v1/stores/..."),
            ("/v1/stores/a/files", "/v1/stores/:store/files/..."),
            ("/v1/stores/a/files/b/c", "/v1/stores/:store/files/..."),
            ("/v1/stores/mine/files/b", "/v1/stores/mine/..."),
            ("/v1/stores//search", "/v1/stores/..."),
        ] {
            assert_eq!(routes.component(path), Some(route), "{path}");
        }
    }

    #[test]
    fn a_path_without_a_route_has_no_component() {
        let routes = routes(&["/a", "/b/..."]).unwrap();
        assert_eq!(routes.component("/"), None);
        assert_eq!(routes.component("/a/b"), None);
        assert_eq!(routes.component("/bc"), None);
    }

    #[test]
    fn two_components_for_one_route_are_refused() {
        assert!(routes(&["/a/:x", "/a/:y"]).is_err());
    }
}
