//! The ack table against a map: every waiter comes back exactly once.

use std::collections::BTreeMap;

use ringside_proto::socketio::AckTable;
use ringside_proto::time::Millis;

use super::Source;

/// Two bytes an operation.
pub fn run(data: &[u8]) {
    let mut source = Source(data);
    let mut table = AckTable::new();
    let mut model = BTreeMap::new();
    let (mut now, mut next) = (Millis(0), 0u64);
    while source.more() {
        let (op, argument) = (source.byte(), source.byte());
        match op % 4 {
            0 | 1 => {
                let until = now.plus(u32::from(argument));
                if let Ok(id) = table.expect(next, until, 16) {
                    assert_eq!(id, next);
                    model.insert(id, until);
                    next += 1;
                } else {
                    assert_eq!(model.len(), 16);
                }
            }
            2 => {
                let id = next.saturating_sub(u64::from(argument % 32));
                assert_eq!(table.answer(id), model.remove(&id).map(|_| id));
            }
            _ => {
                now = now.plus(u32::from(argument));
                while let Some((id, waiter)) = table.poll(now) {
                    assert_eq!(id, waiter);
                    assert!(model.remove(&id).is_some_and(|until| until <= now));
                }
                assert!(model.values().all(|until| *until > now));
            }
        }
        let deadline = model.values().min().copied().unwrap_or(Millis::NEVER);
        assert_eq!(
            (table.len(), table.next_deadline()),
            (model.len(), deadline)
        );
    }
    assert_eq!(
        table.drain().collect::<Vec<_>>(),
        model.into_keys().collect::<Vec<_>>()
    );
}
