// Whoever writes a test wants seeds: one import gives both.
@_exported import Randomness
