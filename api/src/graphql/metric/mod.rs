mod input;

pub use input::MetricInput;
