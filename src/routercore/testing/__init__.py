"""What plugin authors and operators test with: the conformance kit, transcripts, fakes, rehearsals.

Nothing here is imported by the rest of the library.
"""
