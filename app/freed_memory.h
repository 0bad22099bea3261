// Whether memory that the engine frees goes back to the system at once.
#pragma once

namespace midpoint::app {

// From now on the C library keeps freed blocks of up to 64 MB for the next ones. It would map the tensors of a layer afresh and
// unmap them again in every update, and the system fills each page with zeros: an eighth of a step of a small model. A user's own MALLOC_*
// variables stay as they are.
void keepFreedMemory();

} // namespace midpoint::app
