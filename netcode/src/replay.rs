//! Replays: the frames of a viewer that sees everything, in a file.
//!
//! What was sent is what is stored, so a replay shows bit for bit what a spectator saw. A keyframe
//! at regular intervals makes any tick reachable.
//!
//! ```text
//! file:    "RSRP" | version:8 = 1 | layers' hash:32 | steps a second:16 | records
//! record:  tick:32 | length:31 keyframe:1 | a frame      (all little-endian)
//! ```
//!
//! [`Recorder`] keeps the latest frames in memory, within bounds, for killcams as for files;
//! [`Replay`] plays them back. Owner-only fields are not recorded. Reading and writing files is
//! the caller's.

use crate::Tick;
use crate::interest::View;
use crate::snapshot::{
    CellId, Decoder, FrameError, FrameRequest, Layers, Viewer, ViewerConfig, World,
};
use core::time::Duration;
use std::collections::VecDeque;

const MAGIC: [u8; 4] = *b"RSRP";
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 11;
const RECORD_BYTES: usize = 8;

/// Bounds of a [`Recorder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecorderConfig {
    /// Simulation steps per second, noted in the file.
    pub hz: u16,
    /// Frames from one keyframe to the next; seeking decodes at most so many. At least 1.
    pub keyframe_every: u32,
    /// Frames kept; older ones are dropped, a keyframe's run at a time.
    pub frames_max: usize,
    /// Bytes kept, likewise.
    pub bytes_max: usize,
}

impl Default for RecorderConfig {
    /// The last 30 seconds at 20 frames a second, a keyframe every two, at most 8 MB: 500
    /// entities take about 0.5 MB.
    fn default() -> Self {
        RecorderConfig {
            hz: 60,
            keyframe_every: 40,
            frames_max: 600,
            bytes_max: 8 << 20,
        }
    }
}

#[derive(Clone, Debug)]
struct Recorded {
    tick: Tick,
    keyframe: bool,
    bytes: Vec<u8>,
}

/// Records a world.
#[derive(Debug)]
pub struct Recorder {
    config: RecorderConfig,
    hash: u32,
    viewer: Viewer,
    view: View,
    since_keyframe: u32,
    frames: VecDeque<Recorded>,
    bytes: usize,
}

impl Recorder {
    /// What was saved to a file, whole: it is played through once, so that it can be shown to others without
    /// another look. Nothing is dropped of it until more is recorded.
    ///
    /// # Errors
    /// Whatever is wrong with it.
    pub fn load(
        layers: &Layers,
        config: RecorderConfig,
        bytes: &[u8],
    ) -> Result<Self, ReplayError> {
        let mut replay = Replay::open(layers.clone(), bytes)?;
        while replay.advance()?.is_some() {}
        let frame = |entry: &Entry| Recorded {
            tick: entry.tick,
            keyframe: entry.keyframe,
            bytes: bytes[entry.start..entry.end].to_vec(),
        };
        let frames: VecDeque<Recorded> = replay.entries.iter().map(frame).collect();
        let config = RecorderConfig {
            hz: replay.hz,
            ..config
        };
        let mut recorder = Recorder::new(layers, config);
        recorder.bytes = frames.iter().map(|frame| frame.bytes.len()).sum();
        recorder.frames = frames;
        Ok(recorder)
    }

    /// A recorder of all cells of a world.
    pub fn new(layers: &Layers, config: RecorderConfig) -> Self {
        let mut view = View::new();
        for cell in 0..layers.cell_count() {
            view.insert(CellId(cell as u16), 1);
        }
        let unlimited = ViewerConfig {
            bound_in_flight: false,
            frame_bytes_max: i32::MAX as usize,
            ..ViewerConfig::default()
        };
        Recorder {
            config,
            hash: layers.hash(),
            viewer: Viewer::new(unlimited),
            view,
            since_keyframe: 0,
            frames: VecDeque::new(),
            bytes: 0,
        }
    }

    /// Records the world's newest snapshot, if it is not recorded yet.
    pub fn record(&mut self, world: &mut World) {
        let Some(tick) = world.tick() else { return };
        let due =
            self.since_keyframe >= self.config.keyframe_every.max(1) || self.frames.is_empty();
        if due
            && self
                .frames
                .back()
                .is_none_or(|last| tick.is_newer(last.tick))
        {
            self.viewer.request_keyframe();
        }
        let request = FrameRequest {
            now: Duration::ZERO,
            view: &self.view,
            feedback: None,
            owner: None,
        };
        let Ok(frame) = self.viewer.frame(world, &request) else {
            return;
        };
        let mut bytes = Vec::with_capacity(world.frame_bytes(frame));
        world.copy_frame(frame, &mut bytes);
        let keyframe = self.viewer.stats().last_age == 0;
        self.since_keyframe = if keyframe { 1 } else { self.since_keyframe + 1 };
        self.bytes += bytes.len();
        self.frames.push_back(Recorded {
            tick,
            keyframe,
            bytes,
        });
        while self.frames.len() > self.config.frames_max || self.bytes > self.config.bytes_max {
            self.drop_oldest_run();
        }
    }

    /// Drops the oldest keyframe and what builds on it.
    fn drop_oldest_run(&mut self) {
        let next = self.frames.iter().skip(1).position(|frame| frame.keyframe);
        let run = next.map_or(self.frames.len(), |next| next + 1);
        for frame in self.frames.drain(..run) {
            self.bytes -= frame.bytes.len();
        }
    }

    /// Bytes of the frames kept.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The frames kept, oldest first: each with its tick and whether it is a keyframe. Sent in this
    /// order from a keyframe on, they are what an ordered client is sent.
    pub fn frames(&self) -> impl DoubleEndedIterator<Item = (Tick, bool, &[u8])> {
        let frames = self.frames.iter();
        frames.map(|frame| (frame.tick, frame.keyframe, &frame.bytes[..]))
    }

    /// Of these, those up to a tick.
    pub fn frames_until(&self, tick: Tick) -> impl DoubleEndedIterator<Item = (Tick, bool, &[u8])> {
        let until = self
            .frames
            .partition_point(|frame| !frame.tick.is_newer(tick));
        let frames = self.frames.range(..until);
        frames.map(|frame| (frame.tick, frame.keyframe, &frame.bytes[..]))
    }

    /// Simulation steps a second.
    pub fn hz(&self) -> u16 {
        self.config.hz
    }

    /// The oldest and the newest tick kept.
    pub fn span(&self) -> Option<(Tick, Tick)> {
        Some((self.frames.front()?.tick, self.frames.back()?.tick))
    }

    /// The file.
    pub fn save(&self) -> Vec<u8> {
        let records = self.bytes + self.frames.len() * RECORD_BYTES;
        let mut out = Vec::with_capacity(HEADER_BYTES + records);
        out.extend(MAGIC);
        out.push(VERSION);
        out.extend(self.hash.to_le_bytes());
        out.extend(self.config.hz.to_le_bytes());
        for frame in &self.frames {
            out.extend(frame.tick.get().to_le_bytes());
            let length = frame.bytes.len() as u32;
            out.extend((length << 1 | u32::from(frame.keyframe)).to_le_bytes());
            out.extend_from_slice(&frame.bytes);
        }
        out
    }
}

/// Why a replay cannot be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayError {
    /// It is no replay file, or of another version.
    Format,
    /// It was made by a game with another schema.
    Schema,
    /// It ends in the middle of a record, its ticks go backwards, or a frame is of another tick.
    Damaged,
    /// It does not begin with a keyframe, or has no frame.
    Empty,
    /// A frame makes no sense.
    Frame(FrameError),
}

impl core::fmt::Display for ReplayError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Format => f.write_str("not a replay of this version"),
            Self::Schema => f.write_str("the replay is of a game with another schema"),
            Self::Damaged => f.write_str("the replay is damaged"),
            Self::Empty => f.write_str("the replay has no keyframe to begin with"),
            Self::Frame(error) => write!(f, "a frame of the replay: {error}"),
        }
    }
}

impl core::error::Error for ReplayError {}

#[derive(Clone, Copy, Debug)]
struct Entry {
    tick: Tick,
    keyframe: bool,
    start: usize,
    end: usize,
}

/// Plays a replay.
#[derive(Debug)]
pub struct Replay<'a> {
    bytes: &'a [u8],
    hz: u16,
    entries: Vec<Entry>,
    /// The entry to be decoded next.
    next: usize,
    decoder: Decoder,
}

impl<'a> Replay<'a> {
    /// Reads the index of a file. The frames themselves are read when they are played.
    pub fn open(layers: Layers, bytes: &'a [u8]) -> Result<Self, ReplayError> {
        let (header, _) = bytes
            .split_first_chunk::<HEADER_BYTES>()
            .ok_or(ReplayError::Format)?;
        let [m0, m1, m2, m3, version, h0, h1, h2, h3, r0, r1] = *header;
        if [m0, m1, m2, m3] != MAGIC || version != VERSION {
            return Err(ReplayError::Format);
        }
        if u32::from_le_bytes([h0, h1, h2, h3]) != layers.hash() {
            return Err(ReplayError::Schema);
        }
        let mut entries: Vec<Entry> = Vec::new();
        let mut at = HEADER_BYTES;
        while at < bytes.len() {
            let record = bytes[at..]
                .first_chunk::<RECORD_BYTES>()
                .ok_or(ReplayError::Damaged)?;
            let [t0, t1, t2, t3, l0, l1, l2, l3] = *record;
            let length = u32::from_le_bytes([l0, l1, l2, l3]);
            let start = at + RECORD_BYTES;
            let tick = Tick::new(u32::from_le_bytes([t0, t1, t2, t3]));
            let entry = Entry {
                tick,
                keyframe: length & 1 == 1,
                start,
                end: start.saturating_add(length as usize >> 1),
            };
            let goes_on = entries.last().is_none_or(|last| tick.is_newer(last.tick));
            if entry.end > bytes.len() || !goes_on {
                return Err(ReplayError::Damaged);
            }
            at = entry.end;
            entries.push(entry);
        }
        if !entries.first().is_some_and(|first| first.keyframe) {
            return Err(ReplayError::Empty);
        }
        let hz = u16::from_le_bytes([r0, r1]);
        Ok(Replay {
            bytes,
            hz,
            entries,
            next: 0,
            decoder: Decoder::new(layers),
        })
    }

    /// Simulation steps per second of the game.
    pub fn hz(&self) -> u16 {
        self.hz
    }

    /// The first and the last tick.
    pub fn span(&self) -> (Tick, Tick) {
        let last = self.entries.len() - 1;
        (self.entries[0].tick, self.entries[last].tick)
    }

    /// What is shown now.
    pub fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// Shows the next frame; `None` at the end.
    pub fn advance(&mut self) -> Result<Option<Tick>, ReplayError> {
        let Some(entry) = self.entries.get(self.next).copied() else {
            return Ok(None);
        };
        if entry.keyframe {
            // Its 16-bit tick is read near the decoder's last one, which after a seek is no guide.
            self.decoder.restart(entry.tick);
        }
        let frame = &self.bytes[entry.start..entry.end];
        let info = self.decoder.read(frame).map_err(ReplayError::Frame)?;
        if info.tick != entry.tick {
            return Err(ReplayError::Damaged);
        }
        self.next += 1;
        Ok(Some(entry.tick))
    }

    /// Shows the newest frame that is not newer than `tick` (the first, if all are), and says
    /// which it is.
    pub fn seek(&mut self, tick: Tick) -> Result<Tick, ReplayError> {
        let after = self
            .entries
            .partition_point(|entry| !entry.tick.is_newer(tick));
        let target = after.saturating_sub(1);
        let onward = self.next > 0 && self.next - 1 <= target;
        let keyframe = self.entries[..=target]
            .iter()
            .rposition(|e| e.keyframe)
            .unwrap_or(0);
        if !onward || keyframe >= self.next {
            self.next = keyframe;
        }
        while self.next <= target {
            self.advance()?;
        }
        Ok(self.entries[target].tick)
    }
}
