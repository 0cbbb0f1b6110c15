"""F1 from counts."""


def precision_recall_f1(right: float, predicted: float, gold: float) -> tuple[float, float, float]:
    """Return precision, recall and F1 in percent from counts; what would divide by nothing is 0."""
    precision = right / predicted if predicted else 0.0
    recall = right / gold if gold else 0.0
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    return 100 * precision, 100 * recall, 100 * f1
