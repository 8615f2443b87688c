"""Wire formats of detectors, one pure module each: bytes to `NormalizedAlert`."""
