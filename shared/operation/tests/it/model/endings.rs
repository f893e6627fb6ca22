//! What was accepted ends: no run of the model goes on for ever, and none stands still before the end.
//!
//! Stateright's own `eventually` is blind where two paths meet again, so this walks every path itself.

use super::protocol::{Action, Protocol};
use super::world::World;
use stateright::Model;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A healed world in which nothing changes any more, and an operation has not ended. It must not take a deadline to end
/// it.
pub fn stands_still(protocol: &Protocol, world: &World) -> bool {
    world.left.is_healed()
        && world.rows.iter().any(|row| !row.now.state.is_done())
        && changes(protocol, world).all(|(action, _)| matches!(action, Action::PassDeadline(_)))
}

/// What can happen, without what would change nothing.
fn changes(protocol: &Protocol, world: &World) -> impl Iterator<Item = (Action, World)> {
    let mut actions = Vec::new();
    protocol.actions(world, &mut actions);
    actions.into_iter().filter_map(move |action| {
        let next = protocol.next_state(world, action.clone())?;
        (next != *world).then_some((action, next))
    })
}

/// A walk along every path, depth first.
#[derive(Debug, Default)]
pub struct Walk {
    /// States by their hash, and whether the path that is walked now leads through them.
    pub seen: HashMap<u64, bool>,
    /// The path that is walked now; where it fails, the one that shows it.
    pub path: Vec<Action>,
}

impl Walk {
    /// Walks on from a state.
    ///
    /// # Errors
    /// What is wrong with the end of the path.
    pub fn on(&mut self, protocol: &Protocol, world: &World) -> Result<(), &'static str> {
        let mut hasher = DefaultHasher::new();
        world.hash(&mut hasher);
        let state = hasher.finish();
        match self.seen.entry(state) {
            Entry::Occupied(on_path) if *on_path.get() => return Err("it goes round for ever"),
            Entry::Occupied(_) => return Ok(()),
            Entry::Vacant(new) => new.insert(true),
        };
        if stands_still(protocol, world) {
            return Err("it stands still");
        }
        for (action, next) in changes(protocol, world) {
            self.path.push(action);
            self.on(protocol, &next)?;
            self.path.pop();
        }
        self.seen.insert(state, false);
        Ok(())
    }
}
