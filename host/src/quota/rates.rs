//! How fast tenants go.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

use super::bucket::{Bucket, Level, Limit};
use super::{Quotas, TooMuch};
use crate::identity::{Principal, Quota};
use crate::turns::Urgency;

/// So many tenants are known before those are looked for that need not be.
const FEW: usize = 64;

/// How fast tenants go, each host by itself. One that is limited in nothing costs nothing, and neither
/// does one that did nothing for as long as its limits look back.
pub struct Rates {
    quotas: Quotas,
    tenants: Mutex<Tenants>,
}

#[derive(Default)]
struct Tenants {
    known: HashMap<Arc<str>, Entry>,
    /// So many there may be before the idle ones are forgotten.
    most: usize,
}

#[derive(Default)]
struct Entry {
    requests: Buckets,
    tokens: Buckets,
    under_way: u64,
}

/// One for each limit that tokens of the tenant set: what one of them takes is not measured by the limit
/// of another.
#[derive(Default)]
struct Buckets(Vec<(Limit, Bucket)>);

/// A request that counts while this lives.
pub struct UnderWay {
    rates: Arc<Rates>,
    tenant: Arc<str>,
}

/// What a tenant's embedding is slowed down to.
pub struct Pace {
    rates: Arc<Rates>,
    tenant: Arc<str>,
    limit: Limit,
}

/// Where a tenant stands with its limits, for the headers of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Standing {
    requests: Option<Level>,
    tokens: Option<Level>,
}

impl Rates {
    /// Of those limits.
    pub fn new(quotas: Quotas) -> Arc<Self> {
        Arc::new(Self {
            quotas,
            tenants: Mutex::default(),
        })
    }

    /// Begins a request, which may have text embedded. None where nothing limits its tenant.
    ///
    /// Errors: [`TooMuch`], and nothing is counted.
    pub fn begin(
        self: &Arc<Self>,
        principal: &Principal,
        embeds: bool,
    ) -> Result<Option<UnderWay>, TooMuch> {
        self.begin_at(principal, embeds, Instant::now())
    }

    fn begin_at(
        self: &Arc<Self>,
        principal: &Principal,
        embeds: bool,
        now: Instant,
    ) -> Result<Option<UnderWay>, TooMuch> {
        let quota = self.quotas.of(principal);
        let (requests, tokens) = (requests(&quota), tokens(&quota));
        if quota == Quota::NONE {
            return Ok(None);
        }
        let tenant: Arc<str> = principal.tenant.as_str().into();
        let mut tenants = self.lock();
        let entry = tenants.entry(&tenant, now);
        if let Some(most) = quota
            .concurrent_requests
            .filter(|most| entry.under_way >= *most)
        {
            return Err(TooMuch::UnderWay(most));
        }
        if let Some(limit) = tokens.filter(|_| embeds) {
            entry
                .tokens
                .of(limit, now)
                .some(limit, now)
                .map_err(TooMuch::Tokens)?;
        }
        if let Some(limit) = requests {
            let taken = entry.requests.of(limit, now).take(limit, 1.0, now);
            taken.map_err(TooMuch::Requests)?;
        }
        entry.under_way += 1;
        drop(tenants);
        let rates = Arc::clone(self);
        Ok(Some(UnderWay { rates, tenant }))
    }

    /// None where a tenant may have as much embedded as it likes.
    pub fn pace(self: &Arc<Self>, tenant: &str, quota: &Quota) -> Option<Pace> {
        Some(Pace {
            limit: tokens(quota)?,
            rates: Arc::clone(self),
            tenant: tenant.into(),
        })
    }

    /// What holds for a request.
    pub fn of(&self, principal: &Principal) -> Quota {
        self.quotas.of(principal)
    }

    /// What holds for a job, which has no token: what is configured.
    pub fn of_job(&self, tenant: &str) -> Quota {
        self.quotas.configured(tenant)
    }

    /// Where a tenant stands.
    pub fn standing(&self, principal: &Principal) -> Standing {
        self.standing_at(principal, Instant::now())
    }

    fn standing_at(&self, principal: &Principal, now: Instant) -> Standing {
        let quota = self.quotas.of(principal);
        let (requests, tokens) = (requests(&quota), tokens(&quota));
        if requests.is_none() && tokens.is_none() {
            return Standing::default();
        }
        let tenants = self.lock();
        let entry = tenants.known.get(&*principal.tenant);
        let level = |limit: Option<Limit>, buckets: fn(&Entry) -> &Buckets| {
            let limit = limit?;
            let bucket = entry.and_then(|entry| buckets(entry).find(limit));
            Some(bucket.unwrap_or_default().level(limit, now))
        };
        Standing {
            requests: level(requests, |entry| &entry.requests),
            tokens: level(tokens, |entry| &entry.tokens),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tenants> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tenants {
    fn entry(&mut self, tenant: &Arc<str>, now: Instant) -> &mut Entry {
        if self.known.len() >= self.most.max(FEW) {
            self.known.retain(|_, entry| !entry.is_idle(now));
            self.most = 2 * self.known.len();
        }
        self.known.entry(Arc::clone(tenant)).or_default()
    }
}

impl Entry {
    fn is_idle(&self, now: Instant) -> bool {
        self.under_way == 0 && self.requests.are_full(now) && self.tokens.are_full(now)
    }
}

impl Buckets {
    fn of(&mut self, limit: Limit, now: Instant) -> &mut Bucket {
        let known = self.0.iter().position(|(other, _)| *other == limit);
        let at = known.unwrap_or_else(|| {
            self.0.retain(|(_, bucket)| !bucket.is_full(now));
            self.0.push((limit, Bucket::default()));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }

    fn find(&self, limit: Limit) -> Option<Bucket> {
        let found = self.0.iter().find(|(other, _)| *other == limit);
        found.map(|(_, bucket)| *bucket)
    }

    fn are_full(&self, now: Instant) -> bool {
        self.0.iter().all(|(_, bucket)| bucket.is_full(now))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut tenants = self.rates.lock();
        let Some(entry) = tenants.known.get_mut(&self.tenant) else {
            return;
        };
        entry.under_way -= 1;
        if entry.is_idle(Instant::now()) {
            tenants.known.remove(&self.tenant);
        }
    }
}

impl Pace {
    /// Waits until the tenant may have more embedded, and takes so many tokens, or a minute's worth where
    /// that is less. Who has time leaves half of a minute's for who has not.
    pub async fn take(&self, amount: u64, urgency: Urgency) {
        while let Err(wait) = self.take_at(amount, urgency, Instant::now()) {
            tokio::time::sleep(wait).await;
        }
    }

    /// As [`take`](Self::take), for somebody who would rather be told.
    ///
    /// Errors: [`TooMuch::Tokens`] where there are none.
    pub fn overdraw(&self, amount: u64) -> Result<(), TooMuch> {
        let taken = self.take_at(amount, Urgency::Now, Instant::now());
        taken.map_err(TooMuch::Tokens)
    }

    fn take_at(&self, amount: u64, urgency: Urgency, now: Instant) -> Result<(), Duration> {
        let mut tenants = self.rates.lock();
        let entry = tenants.entry(&self.tenant, now);
        let bucket = entry.tokens.of(self.limit, now);
        match urgency {
            Urgency::Now => bucket.overdraw(self.limit, amount as f64, now),
            Urgency::Later => bucket.draw_low(self.limit, amount as f64, now),
        }
    }
}

/// A second's worth at once.
fn requests(quota: &Quota) -> Option<Limit> {
    let rate = quota.requests_per_second?;
    let burst = rate.max(1.0);
    Some(Limit { rate, burst })
}

/// A minute's worth at once.
fn tokens(quota: &Quota) -> Option<Limit> {
    let burst = quota.embedded_tokens_per_minute? as f64;
    let rate = burst / 60.0;
    Some(Limit { rate, burst })
}

impl Standing {
    /// Says so in OpenAI's headers.
    pub fn write(&self, headers: &mut HeaderMap) {
        write(headers, "requests", self.requests);
        write(headers, "tokens", self.tokens);
    }
}

fn write(headers: &mut HeaderMap, what: &str, level: Option<Level>) {
    let Some(level) = level else {
        return;
    };
    let values = [
        ("limit", level.limit.to_string()),
        ("remaining", level.remaining.to_string()),
        ("reset", shown(level.reset)),
    ];
    for (name, value) in values {
        let name = HeaderName::try_from(format!("x-ratelimit-{name}-{what}"));
        if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
}

/// As OpenAI writes it: `120ms`, `1.5s`, `6m0s`.
fn shown(time: Duration) -> String {
    let ms = time.as_millis();
    match ms {
        0..1_000 => format!("{ms}ms"),
        1_000..60_000 => format!("{}s", ms as f64 / 1_000.0),
        60_000..3_600_000 => format!("{}m{}s", ms / 60_000, ms / 1_000 % 60),
        _ => format!(
            "{}h{}m{}s",
            ms / 3_600_000,
            ms / 60_000 % 60,
            ms / 1_000 % 60
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(tenant: &str, quota: Quota) -> Principal {
        Principal {
            quota,
            ..Principal::full(tenant)
        }
    }

    fn limited() -> Principal {
        let quota = Quota {
            requests_per_second: Some(2.0),
            embedded_tokens_per_minute: Some(600),
            ..Quota::NONE
        };
        principal("acme", quota)
    }

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn requests_come_at_their_rate() {
        let (rates, start) = (Rates::new(Quotas::default()), Instant::now());
        let begin = |principal, after: Duration| rates.begin_at(principal, false, start + after);
        let acme = limited();
        let held: Vec<_> = (0..2).map(|_| begin(&acme, NOW).unwrap()).collect();
        let half = Duration::from_millis(500);
        assert_eq!(begin(&acme, NOW).err(), Some(TooMuch::Requests(half)));
        let other = principal("b", Quota::NONE);
        assert!(begin(&other, NOW).unwrap().is_none());
        assert!(begin(&acme, half).is_ok());
        drop(held);
    }

    #[test]
    fn a_token_with_a_low_limit_takes_nothing_from_one_with_a_high_one() {
        let (rates, start) = (Rates::new(Quotas::default()), Instant::now());
        let with = |rate| {
            let quota = Quota {
                requests_per_second: Some(rate),
                ..Quota::NONE
            };
            principal("acme", quota)
        };
        let (low, high) = (with(0.001), with(1_000.0));
        assert!(rates.begin_at(&low, false, start).is_ok());
        assert!(rates.begin_at(&low, false, start).is_err());
        assert!(rates.begin_at(&high, false, start).is_ok());
    }

    #[test]
    fn so_many_are_under_way_at_once() {
        let rates = Rates::new(Quotas::default());
        let quota = Quota {
            concurrent_requests: Some(1),
            ..Quota::NONE
        };
        let acme = principal("acme", quota);
        let first = rates.begin(&acme, false).unwrap();
        assert_eq!(rates.begin(&acme, false).err(), Some(TooMuch::UnderWay(1)));
        drop(first);
        assert!(rates.begin(&acme, false).is_ok());
    }

    #[test]
    fn what_is_embedded_waits_and_who_would_have_more_is_told() {
        let (rates, start) = (Rates::new(Quotas::default()), Instant::now());
        let acme = limited();
        let pace = rates.pace("acme", &acme.quota).unwrap();
        pace.take_at(1_200, Urgency::Now, start).unwrap();
        let searched = rates.begin_at(&acme, true, start).err();
        assert!(matches!(searched, Some(TooMuch::Tokens(_))));
        assert!(rates.begin_at(&acme, false, start).is_ok());
        let wait = pace.take_at(1, Urgency::Now, start).unwrap_err();
        assert!((60.0..61.0).contains(&wait.as_secs_f64()), "{wait:?}");
        assert!(pace.take_at(1, Urgency::Now, start + wait).is_ok());
    }

    #[tokio::test]
    async fn who_has_to_wait_gets_on() {
        let rates = Rates::new(Quotas::default());
        let quota = Quota {
            embedded_tokens_per_minute: Some(60_000),
            ..Quota::NONE
        };
        let pace = rates.pace("acme", &quota).unwrap();
        pace.take(60_010, Urgency::Now).await;
        pace.take(1, Urgency::Now).await;
    }

    #[test]
    fn idle_tenants_are_forgotten() {
        let (rates, start) = (Rates::new(Quotas::default()), Instant::now());
        let quota = limited().quota;
        for number in 0..FEW {
            let one = principal(&format!("t{number}"), quota);
            drop(rates.begin_at(&one, false, start));
        }
        assert_eq!(rates.lock().known.len(), FEW);
        let later = start + Duration::from_secs(1);
        drop(rates.begin_at(&limited(), false, later));
        assert_eq!(rates.lock().known.len(), 1);
    }

    #[test]
    fn headers_are_openai_s() {
        let (rates, start) = (Rates::new(Quotas::default()), Instant::now());
        let acme = limited();
        let _held = rates.begin_at(&acme, true, start).unwrap();
        let pace = rates.pace("acme", &acme.quota).unwrap();
        pace.take_at(100, Urgency::Later, start).unwrap();
        let mut headers = HeaderMap::new();
        rates.standing_at(&acme, start).write(&mut headers);
        let said = |name: &str| headers[name].to_str().unwrap().to_owned();
        assert_eq!(said("x-ratelimit-limit-requests"), "2");
        assert_eq!(said("x-ratelimit-remaining-requests"), "1");
        assert_eq!(said("x-ratelimit-reset-requests"), "500ms");
        assert_eq!(said("x-ratelimit-limit-tokens"), "600");
        assert_eq!(said("x-ratelimit-remaining-tokens"), "500");
        assert_eq!(said("x-ratelimit-reset-tokens"), "10s");
        assert_eq!(shown(Duration::from_millis(90_500)), "1m30s");
        assert_eq!(shown(Duration::from_secs(12_600)), "3h30m0s");
        let mut none = HeaderMap::new();
        let other = principal("b", Quota::NONE);
        rates.standing(&other).write(&mut none);
        assert!(none.is_empty());
    }
}
