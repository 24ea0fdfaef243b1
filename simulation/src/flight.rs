//! Requests under way.

use std::rc::Rc;

use dayfly_core::objects::ObjectError;

use crate::call::{Answer, Found, Request};
use crate::plan::Fault;
use crate::world::{HostId, TaskId};

/// A request between its sending and the last of its effect and its answer.
pub(crate) struct Flight {
    pub request: Rc<Request>,
    pub task: TaskId,
    pub host: HostId,
    pub sent_at: u64,
    pub fault: Option<Fault>,
    results: Vec<Option<Answer>>,
    effects_left: usize,
    answered: bool,
    lost: bool,
}

impl Flight {
    pub fn new(request: Request, task: TaskId, host: HostId, sent_at: u64) -> Self {
        Self {
            request: Rc::new(request),
            task,
            host,
            sent_at,
            fault: None,
            results: Vec::new(),
            effects_left: 0,
            answered: false,
            lost: false,
        }
    }

    /// It will take effect: so often.
    pub fn expect(&mut self, effects: usize) {
        self.effects_left = effects;
        self.results = vec![None; effects];
    }

    /// It never arrives.
    pub fn lose(&mut self) {
        self.lost = true;
    }

    pub fn is_lost(&self) -> bool {
        self.lost
    }

    fn answer(&mut self, rng: &mut fastrand::Rng) -> Answer {
        let fault = self.fault;
        if matches!(*self.request, Request::GetMany(_)) {
            let wanted = self.request.effects();
            self.results.resize(wanted, None);
            let results = std::mem::take(&mut self.results);
            let one = |result: Option<Answer>| match (fault, result) {
                (None, Some(answer)) => bytes(answer),
                (Some(_), Some(answer)) if rng.bool() => bytes(answer),
                (fault, _) => Err(failed(fault)),
            };
            return Ok(Found::Many(results.into_iter().map(one).collect()));
        }
        let result = self.results.first_mut().and_then(Option::take);
        match (fault, result) {
            (None, Some(answer)) => answer,
            (Some(Fault::OwnConflict), Some(Ok(_))) => Err(ObjectError::AlreadyExists),
            (Some(Fault::OwnConflict), Some(answer)) => answer,
            (fault, _) => Err(failed(fault)),
        }
    }
}

fn bytes(answer: Answer) -> Result<Vec<u8>, ObjectError> {
    match answer? {
        Found::Bytes(bytes) => Ok(bytes),
        _ => Ok(Vec::new()),
    }
}

fn failed(fault: Option<Fault>) -> ObjectError {
    let text = match fault {
        Some(Fault::TimedOut) => "storage did not answer in time",
        _ => "storage failed for now",
    };
    ObjectError::Unavailable(text.to_owned())
}

/// All requests under way.
#[derive(Default)]
pub(crate) struct Flights {
    all: Vec<Option<Flight>>,
    free: Vec<usize>,
}

impl Flights {
    pub fn add(&mut self, flight: Flight) -> usize {
        match self.free.pop() {
            Some(id) => {
                self.all[id] = Some(flight);
                id
            }
            None => {
                self.all.push(Some(flight));
                self.all.len() - 1
            }
        }
    }

    pub fn get(&mut self, id: usize) -> Option<&mut Flight> {
        self.all.get_mut(id)?.as_mut()
    }

    /// Its `part`th effect happened, or is no longer to happen.
    pub fn arrived(&mut self, id: usize, part: usize, result: Option<Answer>) {
        if let Some(flight) = self.get(id) {
            flight.effects_left -= 1;
            if let Some(place) = flight.results.get_mut(part) {
                *place = result;
            }
        }
        self.let_go(id);
    }

    /// What its task is told.
    pub fn answered(&mut self, id: usize, rng: &mut fastrand::Rng) -> Option<Answer> {
        let flight = self.get(id)?;
        flight.answered = true;
        let answer = flight.answer(rng);
        self.let_go(id);
        Some(answer)
    }

    /// Those of `host` whose effect is to come.
    pub fn of(&mut self, host: HostId) -> impl Iterator<Item = &mut Flight> {
        let all = self.all.iter_mut().flatten();
        all.filter(move |flight| flight.host == host && flight.effects_left > 0)
    }

    fn let_go(&mut self, id: usize) {
        let over = |flight: &mut Flight| flight.answered && flight.effects_left == 0;
        if self.get(id).is_some_and(over) {
            self.all[id] = None;
            self.free.push(id);
        }
    }
}
