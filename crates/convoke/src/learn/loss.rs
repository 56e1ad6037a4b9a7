//! How wrong scores are: softmax with cross-entropy, and its gradient.

use convoke_core::Error;

use super::layer::check;

/// The mean over a batch of `-ln softmax(scores)[label]`, and its gradient with respect to the scores.
///
/// `scores` has a row of one number per class for each example, `labels` its class, counted from 0. `gradient` is shaped like `scores`.
/// Sums are formed in f64, in order; scores of any size overflow nothing. A score that is NaN makes the loss NaN.
///
/// ```
/// let mut gradient = [0.0; 2];
/// let loss = convoke::learn::softmax_cross_entropy(&[0.0, 3.0_f32.ln()], &[1], &mut gradient)?;
/// assert!((loss - (4.0_f64 / 3.0).ln()).abs() < 1e-6); // the second class has a probability of 3/4
/// assert!((gradient[0] - 0.25).abs() < 1e-6 && (gradient[1] + 0.25).abs() < 1e-6);
/// # Ok::<(), convoke::Error>(())
/// ```
///
/// # Errors
/// [`Error::TooSmall`] for no labels, [`Error::Length`] for scores that are no whole number for each of them or a gradient of another length,
/// [`Error::TooLarge`] for a label that is no class. `gradient` is then as it was.
pub fn softmax_cross_entropy(scores: &[f32], labels: &[usize], gradient: &mut [f32]) -> Result<f64, Error> {
    let classes = classes(scores, labels)?;
    check("scores gradient", scores.len(), gradient.len())?;
    let batch = labels.len() as f64;
    let mut loss = 0.0;
    for ((scores, &label), gradient) in scores.chunks(classes).zip(labels).zip(gradient.chunks_mut(classes)) {
        let most = f64::from(scores.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        let power = |score: f32| (f64::from(score) - most).exp();
        let sum: f64 = scores.iter().map(|&score| power(score)).sum();
        loss += sum.ln() - (f64::from(scores[label]) - most);
        for (class, (gradient, &score)) in gradient.iter_mut().zip(scores).enumerate() {
            let wanted = f64::from(u8::from(class == label));
            *gradient = ((power(score) / sum - wanted) / batch) as f32;
        }
    }
    Ok(loss / batch)
}

/// The number of examples whose greatest score, the first one of equals, is that of their label.
///
/// # Errors
/// Those of [`softmax_cross_entropy`].
pub fn correct(scores: &[f32], labels: &[usize]) -> Result<usize, Error> {
    let classes = classes(scores, labels)?;
    let best = |scores: &[f32]| {
        (1..classes).fold(0, |best, class| if scores[class] > scores[best] { class } else { best })
    };
    Ok(scores.chunks(classes).zip(labels).filter(|(scores, label)| best(scores) == **label).count())
}

fn classes(scores: &[f32], labels: &[usize]) -> Result<usize, Error> {
    if labels.is_empty() {
        return Err(Error::TooSmall { operand: "batch", required: 1, got: 0 });
    }
    let classes = scores.len().div_ceil(labels.len()).max(1);
    check("scores", classes * labels.len(), scores.len())?;
    match labels.iter().max() {
        Some(&got) if got >= classes => Err(Error::TooLarge { operand: "label", required: classes - 1, got }),
        _ => Ok(classes),
    }
}
