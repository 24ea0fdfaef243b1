//! The forward pass of all-MiniLM-L6-v2: a BERT encoder with mean pooling.
//!
//! Sequences are packed one after another without padding: the linear layers see all tokens at
//! once, attention sees each sequence by itself. Architecture: Devlin et al., "BERT" (2019), in
//! the sizes of the model's `config.json`; pooling and normalisation as in its `modules.json`.

use std::ops::Range;

use crate::kernels::{self, Mat, matmul};
use crate::tensor_file::{TensorFile, WordTable};
use crate::weights::{DIMENSION, MAX_TOKENS, WeightsError};

const HEADS: usize = 12;
const HEAD_WIDTH: usize = DIMENSION / HEADS;
const INTERMEDIATE: usize = 4 * DIMENSION;
const LAYERS: usize = 6;
const POSITIONS: usize = 512;
const EPSILON: f32 = 1e-12;

/// A dense layer, its weight stored as inputs by outputs.
struct Linear {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Linear {
    /// Adds `input * weight` to `output`, which already holds what the product is added to.
    fn add_product(&self, output: &mut [f32], input: &[f32]) {
        let outputs = self.bias.len();
        let inputs = self.weight.len() / outputs;
        let tokens = input.len() / inputs;
        matmul(
            output,
            outputs,
            true,
            Mat::rows(input, tokens, inputs, inputs),
            Mat::rows(&self.weight, inputs, outputs, outputs),
            1.0,
        );
    }

    /// Sets `output` to `input * weight + bias`.
    fn apply(&self, output: &mut [f32], input: &[f32]) {
        kernels::fill_rows(output, &self.bias);
        self.add_product(output, input);
    }

    /// Adds `input * weight + bias` to `output`.
    fn add(&self, output: &mut [f32], input: &[f32]) {
        kernels::add_bias(output, &self.bias);
        self.add_product(output, input);
    }
}

struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Norm {
    fn apply(&self, rows: &mut [f32]) {
        kernels::layer_norm(rows, &self.weight, &self.bias, EPSILON);
    }
}

struct Layer {
    query_key_value: Linear,
    attention_output: Linear,
    attention_norm: Norm,
    intermediate: Linear,
    output: Linear,
    output_norm: Norm,
}

/// The model. Shared by all threads; each brings its own [`Scratch`].
pub(crate) struct Bert {
    words: WordTable,
    /// Position and token-type embeddings, summed: every token is of type 0.
    positions: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
}

/// The activations of one pass, allocated once for [`MAX_TOKENS`] tokens (4 MB).
pub(crate) struct Scratch {
    states: Vec<f32>,
    query_key_value: Vec<f32>,
    context: Vec<f32>,
    intermediate: Vec<f32>,
    scores: Vec<f32>,
}

impl Scratch {
    pub fn new() -> Self {
        Self {
            states: vec![0.0; MAX_TOKENS * DIMENSION],
            query_key_value: vec![0.0; MAX_TOKENS * 3 * DIMENSION],
            context: vec![0.0; MAX_TOKENS * DIMENSION],
            intermediate: vec![0.0; MAX_TOKENS * INTERMEDIATE],
            scores: vec![0.0; MAX_TOKENS * MAX_TOKENS],
        }
    }
}

impl Bert {
    /// Takes the model's tensors out of `file`.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Malformed`] where a tensor is missing or has another shape.
    pub fn new(mut file: TensorFile) -> Result<Self, WeightsError> {
        let types = file.take("embeddings.token_type_embeddings.weight", &[2, DIMENSION])?;
        let mut positions = file.take(
            "embeddings.position_embeddings.weight",
            &[POSITIONS, DIMENSION],
        )?;
        positions.truncate(MAX_TOKENS * DIMENSION);
        positions.shrink_to_fit();
        kernels::add_bias(&mut positions, &types[..DIMENSION]);
        let norm = take_norm(&mut file, "embeddings.LayerNorm")?;
        let layers = (0..LAYERS)
            .map(|number| take_layer(&mut file, number))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            words: file.into_words(DIMENSION)?,
            positions,
            norm,
            layers,
        })
    }

    /// Embeds token sequences of at most [`MAX_TOKENS`] tokens in all, and returns one vector of
    /// length 1 and [`DIMENSION`] components for each, in order.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Io`] where the word embeddings cannot be read from their file.
    ///
    /// # Panics
    ///
    /// Where the sequences have more tokens in all, or one has none.
    pub fn embed<S: AsRef<[u32]>>(
        &self,
        sequences: &[S],
        scratch: &mut Scratch,
    ) -> Result<Vec<Vec<f32>>, WeightsError> {
        let mut spans = Vec::with_capacity(sequences.len());
        let mut tokens = 0;
        for sequence in sequences {
            let length = sequence.as_ref().len();
            assert!(length > 0, "a sequence has at least one token");
            spans.push(tokens..tokens + length);
            tokens += length;
        }
        assert!(tokens <= MAX_TOKENS, "{tokens} tokens in one pass");

        let states = &mut scratch.states[..tokens * DIMENSION];
        for (sequence, span) in sequences.iter().zip(&spans) {
            let rows = &mut states[span.start * DIMENSION..span.end * DIMENSION];
            self.look_up(sequence.as_ref(), rows)?;
        }
        self.norm.apply(states);
        for layer in &self.layers {
            layer.apply(&spans, tokens, scratch);
        }
        let states = &scratch.states;
        Ok(spans.iter().map(|span| mean_pool(states, span)).collect())
    }

    fn look_up(&self, tokens: &[u32], rows: &mut [f32]) -> Result<(), WeightsError> {
        for (token, row) in tokens.iter().zip(rows.chunks_exact_mut(DIMENSION)) {
            self.words.read(*token, row)?;
        }
        for (x, position) in rows.iter_mut().zip(&self.positions) {
            *x += position;
        }
        Ok(())
    }
}

impl Layer {
    fn apply(&self, spans: &[Range<usize>], tokens: usize, scratch: &mut Scratch) {
        let states = &mut scratch.states[..tokens * DIMENSION];
        let query_key_value = &mut scratch.query_key_value[..tokens * 3 * DIMENSION];
        let context = &mut scratch.context[..tokens * DIMENSION];
        let intermediate = &mut scratch.intermediate[..tokens * INTERMEDIATE];

        self.query_key_value.apply(query_key_value, states);
        for span in spans {
            let inputs = &query_key_value[span.start * 3 * DIMENSION..span.end * 3 * DIMENSION];
            let outputs = &mut context[span.start * DIMENSION..span.end * DIMENSION];
            attend(inputs, outputs, span.len(), &mut scratch.scores);
        }
        self.attention_output.add(states, context);
        self.attention_norm.apply(states);

        self.intermediate.apply(intermediate, states);
        kernels::gelu(intermediate);
        self.output.add(states, intermediate);
        self.output_norm.apply(states);
    }
}

/// Scaled dot-product attention over one sequence, head by head.
fn attend(query_key_value: &[f32], context: &mut [f32], tokens: usize, scores: &mut [f32]) {
    let scores = &mut scores[..tokens * tokens];
    let scale = 1.0 / (HEAD_WIDTH as f32).sqrt();
    for head in 0..HEADS {
        let at = head * HEAD_WIDTH;
        let part = |number: usize| {
            let from = &query_key_value[number * DIMENSION + at..];
            Mat::rows(from, tokens, HEAD_WIDTH, 3 * DIMENSION)
        };
        let (query, key, value) = (part(0), part(1), part(2));
        matmul(scores, tokens, false, query, key.transposed(), scale);
        kernels::softmax(scores, tokens);
        let weights = Mat::rows(scores, tokens, tokens, tokens);
        matmul(&mut context[at..], DIMENSION, false, weights, value, 1.0);
    }
}

fn mean_pool(states: &[f32], span: &Range<usize>) -> Vec<f32> {
    let mut mean = vec![0.0; DIMENSION];
    for row in states[span.start * DIMENSION..span.end * DIMENSION].chunks_exact(DIMENSION) {
        for (sum, x) in mean.iter_mut().zip(row) {
            *sum += x;
        }
    }
    // The length of the sum is normalised away, and so is its division by the token count.
    kernels::l2_normalize(&mut mean);
    mean
}

fn take_norm(file: &mut TensorFile, name: &str) -> Result<Norm, WeightsError> {
    Ok(Norm {
        weight: file.take(&format!("{name}.weight"), &[DIMENSION])?,
        bias: file.take(&format!("{name}.bias"), &[DIMENSION])?,
    })
}

fn take_layer(file: &mut TensorFile, number: usize) -> Result<Layer, WeightsError> {
    let prefix = format!("encoder.layer.{number}");
    let attention = format!("{prefix}.attention");
    let square = (DIMENSION, DIMENSION);
    let parts: Vec<String> = ["query", "key", "value"]
        .iter()
        .map(|part| format!("{attention}.self.{part}"))
        .collect();
    let single = |name: String| [name];
    Ok(Layer {
        query_key_value: take_linear(file, &parts, square)?,
        attention_output: take_linear(file, &single(format!("{attention}.output.dense")), square)?,
        attention_norm: take_norm(file, &format!("{attention}.output.LayerNorm"))?,
        intermediate: take_linear(
            file,
            &single(format!("{prefix}.intermediate.dense")),
            (DIMENSION, INTERMEDIATE),
        )?,
        output: take_linear(
            file,
            &single(format!("{prefix}.output.dense")),
            (INTERMEDIATE, DIMENSION),
        )?,
        output_norm: take_norm(file, &format!("{prefix}.output.LayerNorm"))?,
    })
}

/// Takes dense layers of the same input and puts them side by side into one.
///
/// The file has each weight as outputs by inputs. Transposed, it is read in the order in which
/// the matrix product wants it.
fn take_linear(
    file: &mut TensorFile,
    names: &[String],
    (inputs, outputs): (usize, usize),
) -> Result<Linear, WeightsError> {
    let width = names.len() * outputs;
    let mut weight = vec![0.0; inputs * width];
    let mut bias = Vec::with_capacity(width);
    for (number, name) in names.iter().enumerate() {
        let part = file.take(&format!("{name}.weight"), &[outputs, inputs])?;
        for (output, row) in part.chunks_exact(inputs).enumerate() {
            for (input, value) in row.iter().enumerate() {
                weight[input * width + number * outputs + output] = *value;
            }
        }
        bias.extend(file.take(&format!("{name}.bias"), &[outputs])?);
    }
    Ok(Linear { weight, bias })
}
