//! The loop that reads and writes a board's port, and waits for it to come back.

use std::io;

use super::{
    Asked, BAUD, Bond, Ended, Event, FEED_EVERY, HostEvent, MAX_LINE, Port, RELEASE_TIME, REOPEN_EVERY, Stage, Stamp,
    Talk, Verb,
};

impl Talk {
    pub(super) async fn run(mut self, port: Port) {
        let mut current = Some(port);
        while let Some(port) = current {
            self.unsent.clear();
            self.line.clear();
            self.opened = self.clock.now();
            self.greet(0);
            current = match self.serve(&port).await {
                Ended::Closed => {
                    self.release(&port).await;
                    None
                }
                Ended::Lost(reason) => {
                    drop(port);
                    self.break_off("the keypad board was lost in the middle of a sequence");
                    self.rest(&reason);
                    self.say_lost(&reason);
                    self.reopen().await
                }
            };
        }
        self.outbox.finish();
    }

    async fn serve(&mut self, port: &Port) -> Ended {
        loop {
            if let Err(lost) = self.step(port, None).await {
                return lost;
            }
        }
    }

    /// One thing happens: the board says something, takes something, is ordered something, or lets a time pass.
    async fn step(&mut self, port: &Port, limit: Option<Stamp>) -> Result<(), Ended> {
        let now = self.clock.now();
        self.pass(now);
        if self.unsent.is_empty() {
            self.unsent.extend(self.host.poll_transmit(now).unwrap_or_default());
        }
        let due = [self.host.poll_deadline(), self.next_due(), limit].into_iter().flatten().min();
        let mut buffer = [0; 512];
        let closing = limit.is_some();
        tokio::select! {
            read = port.read(&mut buffer) => match read {
                Ok(count) => self.received(&buffer[..count])?,
                Err(reason) => return Err(Ended::Lost(reason.to_string())),
            },
            order = self.orders.recv(), if !closing => match order {
                Some(order) => self.begin(order),
                None => return Err(Ended::Closed),
            },
            wrote = write_some(port, self.unsent.as_slices().0) => match wrote {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(reason) => return Err(Ended::Lost(reason.to_string())),
            },
            () = self.outbox.deliver() => {}
            () = self.clock.wait(due) => {
                let event = self.host.handle_deadline(self.clock.now());
                event.map_or(Ok(()), |event| self.learnt(event))?;
            }
        }
        Ok(())
    }

    fn received(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        for &byte in bytes {
            if byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                if let Some(event) = self.host.handle_line(&line) {
                    self.learnt(event)?;
                }
            } else if self.line.len() <= MAX_LINE {
                // What is longer is no frame; the rest of it may be dropped.
                self.line.push(byte);
            }
        }
        Ok(())
    }

    fn learnt(&mut self, event: HostEvent) -> Result<(), Ended> {
        match event {
            HostEvent::Answered { seq, result, .. } => {
                if let Some(why) = self.asked.remove(&seq) {
                    self.answered(seq, why, result);
                }
            }
            HostEvent::GaveUp { seq, tries } => {
                let reason = format!("the keypad board did not answer {tries} times; is it powered and wired?");
                match (self.asked.remove(&seq), &self.bond) {
                    // A board that once answered and is silent now: its port may be another by now.
                    (_, Bond::Ready(_)) => return Err(Ended::Lost(reason)),
                    (Some(why), _) => self.refused(why, &reason),
                    (None, _) => {}
                }
            }
            HostEvent::Reported { event: Event::Done { seq }, .. } => self.done(seq),
            HostEvent::Reported { event: Event::Released, .. } => {
                self.break_off("the keypad board let all keys go in the middle of a sequence: its dead-man came");
            }
            HostEvent::Reported { event: Event::Down { .. } | Event::Up { .. }, .. } => {}
        }
        Ok(())
    }

    /// Does what is due: a greeting, a question after what should be over, food for the dead-man.
    fn pass(&mut self, now: Stamp) {
        if matches!(self.bond, Bond::Resting { until } if until <= now) {
            self.greet(0);
        }
        let over = |stage: Stage| matches!(stage, Stage::Playing { until, .. } if until <= now);
        let late: Vec<u8> = self.jobs.iter().filter(|(_, job)| over(job.stage)).map(|(unit, _)| *unit).collect();
        for unit in late {
            self.overdue(unit);
        }
        if self.next_feeding().is_some_and(|due| due <= now) {
            self.fed = now;
            self.ask(1, Verb::Ping, Asked::Alive);
        }
    }

    fn next_due(&self) -> Option<Stamp> {
        let rests = if let Bond::Resting { until } = self.bond { Some(until) } else { None };
        let plays = self.jobs.values().filter_map(|job| match job.stage {
            Stage::Playing { until, .. } => Some(until),
            Stage::Sent | Stage::Asking { .. } | Stage::Reading => None,
        });
        plays.chain(rests).chain(self.next_feeding()).min()
    }

    /// While keys may be down, and nothing else is said that feeds the dead-man. Even if each feeding is repeated until it
    /// is nearly given up (12 times 70 ms), the dead-man does not come.
    fn next_feeding(&self) -> Option<Stamp> {
        (!self.jobs.is_empty() && self.host.is_idle()).then(|| self.fed + FEED_EVERY)
    }

    /// Lets all keys of all phones go before the port is closed; a board that does not answer does it by itself. What was
    /// still to be ordered is not.
    async fn release(&mut self, port: &Port) {
        if !matches!(self.bond, Bond::Ready(_)) {
            return;
        }
        self.host.drop_waiting();
        let units: Vec<u8> = self.seats.iter().map(|seat| seat.unit).collect();
        for unit in units {
            self.ask(unit, Verb::Abort, Asked::Release);
        }
        let limit = self.clock.now() + RELEASE_TIME;
        while !self.host.is_idle() && self.clock.now() < limit {
            if self.step(port, Some(limit)).await.is_err() {
                return;
            }
        }
    }

    /// Waits for the port to come back; none if it is not wanted any more.
    async fn reopen(&mut self) -> Option<Port> {
        let mut next = self.clock.now();
        loop {
            next = next + REOPEN_EVERY;
            loop {
                tokio::select! {
                    order = self.orders.recv() => {
                        let (order, now) = (order?, self.clock.now());
                        let reason = "the keypad board is not there; plug it in again".to_owned();
                        self.played(&order, now, now, Some(reason));
                    }
                    () = self.outbox.deliver() => {}
                    () = self.clock.wait(Some(next)) => break,
                }
            }
            if let Ok(port) = Port::open(&self.path, BAUD) {
                return Some(port);
            }
        }
    }
}

async fn write_some(port: &Port, bytes: &[u8]) -> io::Result<usize> {
    if bytes.is_empty() { std::future::pending().await } else { port.write(bytes).await }
}
