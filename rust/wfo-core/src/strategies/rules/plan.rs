//! What of a program is computed once for a whole grid, and how the rest follows per combination.
//!
//! *Leaves* look at other bars than their own, or are functions of the user's: windows, averages, true
//! ranges, calls, higher bars and what is known of them. They are computed once for every distinct value of the numbers that they follow
//! from. What stands between leaves and an order is computed bar by bar, in steps over blocks of bars.
//! An order reads one column, its *root*: the level or distance, NaN where its condition does not hold.

use std::collections::HashMap;

use super::node::{Binary, Kind, Op, Unary};
use super::program::{OrderOf, Program};

/// Shifts within each other that steps look through, by reading their leaves at other bars; others are
/// leaves.
const SHIFTS_INSIDE: usize = 2;

/// Steps of a plan, at most: beyond, every shift is a leaf.
const MOST_STEPS: usize = 100_000;

/// Something that a step reads.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Source {
    /// The value of a node that is a number.
    Number(usize),
    /// A number.
    Constant(f64),
    /// A column that is read, as many bars before as these nodes say together.
    Feed(usize, Vec<usize>),
    /// A leaf, likewise.
    Leaf(usize, Vec<usize>),
}

/// What a step reads: a source of its root, or a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Source(usize),
    Register(usize),
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Doing {
    Unary(Unary),
    Binary(Binary),
    Where,
    Choose,
    Copy,
}

/// An operation on blocks of bars.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) doing: Doing,
    pub(super) args: Vec<Place>,
    /// The register that it writes; `None` for the column of the root.
    pub(super) to: Option<usize>,
}

/// A column that an order reads, and how it is made.
#[derive(Debug, Clone)]
pub struct Root {
    pub(super) sources: Vec<Source>,
    /// None where the column is that of its only source.
    pub(super) steps: Vec<Step>,
    /// The numbers that its values follow from.
    pub(super) inputs: Vec<usize>,
}

/// How the columns of a program are computed.
#[derive(Debug)]
pub struct Plan {
    /// Whether a node is computed once for a whole grid.
    pub(super) is_leaf: Vec<bool>,
    /// Of every column the numbers that its values follow from, but for constants, ascending.
    pub(super) inputs: Vec<Vec<usize>>,
    /// The columns that orders read, each once.
    pub roots: Vec<Root>,
    /// The root of each entry of the long side.
    pub long: Vec<usize>,
    /// The root of each entry of the short side.
    pub short: Vec<usize>,
    /// The root of each exit of a long position; `None` of one that reads a number alone.
    pub exit_long: Vec<Option<usize>>,
    /// The root of each exit of a short position.
    pub exit_short: Vec<Option<usize>>,
    /// The root of the share of equity that is taken.
    pub size: Option<usize>,
    /// Registers of the root that needs most.
    pub(super) registers: usize,
    /// Whether a root reads a leaf.
    pub(super) is_read: Vec<bool>,
    /// Of every condition how many lie within it, itself included, those that several share counted for
    /// each of them: what it takes to go through it as a tree.
    pub(super) conditions_within: Vec<u32>,
}

impl Plan {
    /// The plan of a program.
    #[must_use]
    pub fn new(program: &Program) -> Self {
        let (plan, is_whole) = Self::with(program, SHIFTS_INSIDE, MOST_STEPS);
        // Where shifts are leaves a root has no more steps than there are nodes.
        if is_whole { plan } else { Self::with(program, 0, usize::MAX).0 }
    }

    /// The plan, and whether `most` steps were enough for its roots; where not, they are not whole.
    fn with(program: &Program, shifts_inside: usize, most: usize) -> (Self, bool) {
        let is_leaf = leaves(program, shifts_inside);
        let inputs = inputs(program);
        let mut roots = Roots {
            program,
            is_leaf: &is_leaf,
            inputs: &inputs,
            found: Vec::new(),
            known: HashMap::new(),
            registers: 0,
            left: Some(most),
        };
        let long = program.long.iter().map(|order| roots.of(order)).collect();
        let short = program.short.iter().map(|order| roots.of(order)).collect();
        let exits = |roots: &mut Roots<'_>, orders: &[super::program::Exit]| -> Vec<_> {
            let is_column =
                |order: &super::program::Exit| order.kind != super::program::ExitKind::After;
            orders.iter().map(|order| is_column(order).then(|| roots.of(order))).collect()
        };
        let exit_long = exits(&mut roots, &program.exit_long);
        let exit_short = exits(&mut roots, &program.exit_short);
        let size = program.size.map(|size| roots.column(Some(size), None));
        let Roots { found: roots, registers, left, .. } = roots;
        let mut is_read = vec![false; program.nodes.len()];
        for source in roots.iter().flat_map(|root| &root.sources) {
            if let Source::Leaf(leaf, _) = source {
                is_read[*leaf] = true;
            }
        }
        let plan = Self {
            is_leaf,
            inputs,
            roots,
            long,
            short,
            exit_long,
            exit_short,
            size,
            registers,
            is_read,
            conditions_within: conditions_within(program),
        };
        (plan, left.is_some())
    }

    /// The parameters that occur together: those of each leaf, of each number that must be whole, and
    /// of the share at risk, each by places, ascending.
    #[must_use]
    pub fn together(&self, program: &Program) -> Vec<Vec<usize>> {
        let mut found: Vec<Vec<usize>> = Vec::new();
        for (place, node) in program.nodes.iter().enumerate() {
            if program.is_used(place) && (self.is_leaf[place] || node.op == Op::Shift) {
                found.push(program.depends(place).to_vec());
            }
        }
        let bars = [&program.exit_long, &program.exit_short].into_iter().flatten();
        let bars = bars.filter(|order| order.kind == super::program::ExitKind::After);
        let numbers = bars.filter_map(|order| order.value).chain(program.risk);
        found.extend(numbers.map(|node| program.depends(node).to_vec()));
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Which columns are computed once for a whole grid.
fn leaves(program: &Program, shifts_inside: usize) -> Vec<bool> {
    let mut is_leaf = vec![false; program.nodes.len()];
    // Shifts within each other, below a node and above its leaves.
    let mut shifts = vec![0_usize; program.nodes.len()];
    for (place, node) in program.nodes.iter().enumerate() {
        if program.kinds[place] == Kind::Number {
            continue;
        }
        let below = node.args.iter().map(|&part| shifts[part]).max().unwrap_or(0);
        match node.op {
            Op::Window(_) | Op::TrueRange | Op::Call(_) | Op::Resample(..) | Op::Latest => {
                is_leaf[place] = true;
            }
            Op::Shift if below >= shifts_inside => is_leaf[place] = true,
            Op::Shift => shifts[place] = below + 1,
            _ => shifts[place] = below,
        }
    }
    is_leaf
}

/// Of every column the numbers that its values follow from, but for constants.
fn inputs(program: &Program) -> Vec<Vec<usize>> {
    let mut inputs: Vec<Vec<usize>> = Vec::with_capacity(program.nodes.len());
    for (place, node) in program.nodes.iter().enumerate() {
        let mut own = Vec::new();
        if program.kinds[place] != Kind::Number && program.is_used(place) {
            for &part in &node.args {
                if program.kinds[part] != Kind::Number {
                    own.extend_from_slice(&inputs[part]);
                } else if !program.depends(part).is_empty() {
                    own.push(part);
                }
            }
            own.sort_unstable();
            own.dedup();
        }
        inputs.push(own);
    }
    inputs
}

/// Of every node how many conditions lie within it, those that several share counted for each.
fn conditions_within(program: &Program) -> Vec<u32> {
    let mut within: Vec<u32> = Vec::with_capacity(program.nodes.len());
    for node in &program.nodes {
        let is_of_conditions = match node.op {
            Op::Unary(op) => op == Unary::Not,
            Op::Binary(op) => matches!(op, Binary::And | Binary::Or),
            op => op == Op::Shift,
        };
        let parts = node.args.iter().filter(|_| is_of_conditions);
        within.push(parts.fold(1, |sum, &part| sum.saturating_add(within[part])));
    }
    within
}

/// Roots as they are found.
struct Roots<'a> {
    program: &'a Program,
    is_leaf: &'a [bool],
    inputs: &'a [Vec<usize>],
    found: Vec<Root>,
    known: HashMap<(Option<usize>, Option<usize>), usize>,
    registers: usize,
    /// Steps, and what they read, that there may still be; `None` once there were more.
    left: Option<usize>,
}

impl Roots<'_> {
    /// The root of an order.
    fn of<K>(&mut self, order: &OrderOf<K>) -> usize {
        self.column(order.value, order.when)
    }

    /// The root of a value that holds where a condition does; of the condition where there is no value.
    fn column(&mut self, value: Option<usize>, when: Option<usize>) -> usize {
        if let Some(&known) = self.known.get(&(value, when)) {
            return known;
        }
        let mut steps = Steps::empty(self.program, self.is_leaf, self.left);
        let result = match (value, when) {
            // [R14] Without a condition an order needs none.
            (None, None) => steps.source(Source::Constant(1.0)),
            (Some(node), None) | (None, Some(node)) => steps.lowered(node),
            (Some(value), Some(when)) => {
                let (when, value) = (steps.lowered(when), steps.lowered(value));
                let unknown = steps.source(Source::Constant(f64::NAN));
                // [R14] What does not work has no level.
                steps.push(Doing::Where, vec![when, value, unknown])
            }
        };
        self.left = steps.left;
        let root = steps.root(result, self.inputs);
        let registers = root.steps.iter().filter_map(|step| step.to).max().map_or(0, |r| r + 1);
        self.registers = self.registers.max(registers);
        self.found.push(root);
        self.known.insert((value, when), self.found.len() - 1);
        self.found.len() - 1
    }
}

/// A node some shifts before, or what computes it.
type At = (usize, Vec<usize>);

/// The steps of one root, each of which writes a register of its own at first.
struct Steps<'a> {
    program: &'a Program,
    is_leaf: &'a [bool],
    sources: Vec<Source>,
    steps: Vec<(Doing, Vec<Place>)>,
    known: HashMap<At, Place>,
    /// As of [`Roots`].
    left: Option<usize>,
}

impl<'a> Steps<'a> {
    fn empty(program: &'a Program, is_leaf: &'a [bool], left: Option<usize>) -> Self {
        let (sources, steps, known) = (Vec::new(), Vec::new(), HashMap::new());
        Self { program, is_leaf, sources, steps, known, left }
    }

    fn source(&mut self, source: Source) -> Place {
        self.sources.push(source);
        Place::Source(self.sources.len() - 1)
    }

    fn push(&mut self, doing: Doing, args: Vec<Place>) -> Place {
        self.steps.push((doing, args));
        Place::Register(self.steps.len() - 1)
    }

    /// Where the values of a node are.
    fn lowered(&mut self, node: usize) -> Place {
        let wanted: At = (node, Vec::new());
        // Nodes lie as deep in each other as there are nodes: a list takes what a stack may not.
        let mut open = vec![wanted.clone()];
        while let Some(at) = open.pop() {
            if self.known.contains_key(&at) {
                continue;
            }
            let parts = self.parts(&at);
            let missing: Vec<At> =
                parts.iter().filter(|part| !self.known.contains_key(*part)).cloned().collect();
            if missing.is_empty() {
                self.left = self.left.and_then(|left| left.checked_sub(1));
                if self.left.is_none() {
                    return self.source(Source::Constant(f64::NAN));
                }
                let place = self.place(&at, &parts);
                self.known.insert(at, place);
            } else {
                open.push(at);
                open.extend(missing);
            }
        }
        self.known[&wanted]
    }

    /// What must be there before.
    fn parts(&self, (node, shifts): &At) -> Vec<At> {
        let own = &self.program.nodes[*node];
        if self.program.kinds[*node] == Kind::Number || self.is_leaf[*node] {
            return Vec::new();
        }
        match own.op {
            Op::Shift => {
                let mut shifts = shifts.clone();
                shifts.push(own.args[1]);
                shifts.sort_unstable();
                vec![(own.args[0], shifts)]
            }
            _ => own.args.iter().map(|&part| (part, shifts.clone())).collect(),
        }
    }

    fn place(&mut self, (node, shifts): &At, parts: &[At]) -> Place {
        let node = *node;
        if self.program.kinds[node] == Kind::Number {
            return self.source(Source::Number(node));
        }
        if self.is_leaf[node] {
            return self.source(Source::Leaf(node, shifts.clone()));
        }
        let args: Vec<Place> = parts.iter().map(|part| self.known[part]).collect();
        let doing = match self.program.nodes[node].op {
            Op::Feed(feed) => return self.source(Source::Feed(feed, shifts.clone())),
            Op::Unary(op) => Doing::Unary(op),
            Op::Binary(op) => Doing::Binary(op),
            Op::Where => Doing::Where,
            Op::Choose => Doing::Choose,
            // What it shifts reads other bars already.
            _ => return args[0],
        };
        self.push(doing, args)
    }

    /// The root whose values are in `result`, with as few registers as its steps need.
    fn root(self, result: Place, inputs: &[Vec<usize>]) -> Root {
        let Self { program, sources, mut steps, .. } = self;
        let is_plain = matches!(
            (&steps[..], sources.first()),
            ([], Some(Source::Feed(_, shifts) | Source::Leaf(_, shifts))) if shifts.is_empty()
        );
        if steps.is_empty() && !is_plain {
            steps.push((Doing::Copy, vec![result]));
        }
        let mut own = Vec::new();
        let mut add = |node: usize| {
            if !program.depends(node).is_empty() {
                own.push(node);
            }
        };
        for source in &sources {
            match source {
                Source::Number(node) => add(*node),
                Source::Constant(_) => {}
                Source::Feed(_, shifts) => shifts.iter().for_each(|&node| add(node)),
                Source::Leaf(leaf, shifts) => {
                    shifts.iter().chain(&inputs[*leaf]).for_each(|&node| add(node));
                }
            }
        }
        own.sort_unstable();
        own.dedup();
        Root { sources, steps: allocated(steps), inputs: own }
    }
}

/// The same steps with registers that are used again once nothing reads them any more.
fn allocated(steps: Vec<(Doing, Vec<Place>)>) -> Vec<Step> {
    let mut last_use = vec![0; steps.len()];
    for (i, (_, args)) in steps.iter().enumerate() {
        for arg in args {
            if let Place::Register(step) = arg {
                last_use[*step] = i;
            }
        }
    }
    let count = steps.len();
    let (mut free, mut next) = (Vec::new(), 0);
    let mut register_of = vec![0; count];
    let mut out = Vec::with_capacity(count);
    for (i, (doing, args)) in steps.into_iter().enumerate() {
        let to = (i + 1 < count).then(|| {
            free.pop().unwrap_or_else(|| {
                next += 1;
                next - 1
            })
        });
        if let Some(register) = to {
            register_of[i] = register;
        }
        let mut ended: Vec<usize> = Vec::new();
        let place = |arg: Place| match arg {
            Place::Register(step) => {
                if last_use[step] == i && !ended.contains(&register_of[step]) {
                    ended.push(register_of[step]);
                }
                Place::Register(register_of[step])
            }
            source @ Place::Source(_) => source,
        };
        let args = args.into_iter().map(place).collect();
        free.append(&mut ended);
        out.push(Step { doing, args, to });
    }
    out
}
