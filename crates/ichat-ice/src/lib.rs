//! Candidates to pairs to checks to a path, in Apple's dialect; STUN octets; SNATMAP on both sides; a relay client.
