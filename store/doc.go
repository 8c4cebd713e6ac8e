// Package store holds what this machine has: items, which are folders of plain read-only files named by their root
// CID, and an index that says in which file, at which offset, each block of them lies.
//
// The files are the truth. The index is derived from them and is rebuilt when it is lost or damaged, so a store always
// opens. What is acknowledged is durable, what is read was hashed, and what is wrong on disk is marked and never served.
//
// There are three spaces, private, mesh and inbox, with separate folders and separate index keys. Whoever serves strangers is
// given Blocks(Mesh) and cannot reach a private block.
//
//	DIR/lock                          held (flock) by the one process that has the store open
//	DIR/ballast                       bytes to give back when the disk is full
//	DIR/index/                        Badger: references, marks, small records
//	DIR/<space>/items/<root>/…        the files of an item; absent when it is used in place
//	DIR/<space>/items/<root>.dag      a CAR of its nodes that are not raw leaves
//	DIR/<space>/items/<root>.json     what cannot be derived: title, kind, origin, pin, in-place path
//	DIR/<space>/incoming/<root>/…     the same three for an unfinished item, and
//	DIR/<space>/incoming/<root>.wait/ its blocks whose place is not known yet
//	DIR/<space>/loose/ab/<cid>        blocks that belong to no item
//	DIR/<space>/staging/              emptied at every start
//
// It is not a general IPFS repository: it knows UnixFS files and folders, it does not fetch anything, and it does not
// know who published what (that is store/catalog).
//
// Start with Open, Add and FS; Receive is how content from elsewhere enters.
package store
