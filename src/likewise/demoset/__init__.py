"""The demo set: pictures with known answers, rendered on the spot from photographs that packages carry."""
