package stick

// What is accepted of a stick, however large the drive is. All are in bytes unless said.
const (
	// MaxPack is the largest pack: a file that every file system of a drive holds.
	MaxPack = 1 << 30
	// MaxBlock is the largest block, as everywhere in the mesh.
	MaxBlock = 2 << 20
	// MaxPackBlocks is how many blocks a pack has at most.
	MaxPackBlocks = 1 << 18
	// MaxBlocks is how many blocks a stick has at most.
	MaxBlocks = 1 << 22
	// MaxPacks is how many packs a stick has at most: a folder of them stays below 1,000 files.
	MaxPacks = 1 << 15

	// MaxManifest is the largest MANIFEST.
	MaxManifest = 8 << 20
	// MaxItems is how many items a MANIFEST names at most.
	MaxItems = 1 << 15
	// MaxFor is for how many nodes an item can be by name.
	MaxFor = 64

	// MaxSegment is the largest file of entries.
	MaxSegment = 16 << 20
	// MaxSegments is how many a stick has at most.
	MaxSegments = 256
	// MaxEntry is the largest sealed entry.
	MaxEntry = 16 << 10

	// MaxLetters is of how many nodes a stick carries letters of one kind.
	MaxLetters = 900
	// MaxSealed is how many files for named people only a stick carries.
	MaxSealed = 900
	// MaxSealedSize is the largest of them.
	MaxSealedSize = MaxPack

	least       = 24                                   // bytes of an index for a block, at least
	maxIndex    = MaxPackBlocks*(maxCid+4) + maxHeader // bytes of an index
	maxHeader   = 1 << 20                              // of a CAR
	maxCid      = 80                                   // of a CID: 64 of digest at most
	maxElements = 1 << 15                              // of a list in what is signed
)
