// Package appliance reads what the appliance tells about itself from files:
// S/N, model, firmware version, site and the capabilities of the firmware.
//
//	file (under Paths.Root)     holds                                  at most
//	/etc/socketha/serial        the S/N, one line                      64 bytes
//	/etc/socketha/model         the model, one line                    64 bytes
//	/etc/socketha/version       the firmware version, as it is         4,096 bytes
//	/etc/socketha/site          the id of the site; its name may       128 bytes each
//	                            follow on a second line
//	/etc/socketha/capabilities  the manifest, see [ParseManifest];     1 MiB,
//	                            may be missing                         2,000 entries
//
// These are the paths of [DefaultPaths]; each may be another, for example
// /proc/device-tree/serial-number. ASCII white space around a value is trimmed,
// and so are the zero bytes that end a device tree property. Whether a version
// can be read as one is not judged here: it is handed on as it stands.
//
// A read never blocks and never reads more than its bound: what is not a plain
// file (a pipe, a device, a folder) is refused unopened.
//
// Each file fails on its own. The other facts stand, and [Facts.Err] says for
// each one that is missing which file it is about and what to do.
//
// # Changes while running
//
// [Watcher] notices a file that is replaced by rename, written in place,
// removed and made again, or reached through a symbolic link that is switched,
// by inotify on every folder on the way to it. Every minute it looks without
// being told; where there is no inotify it looks every 2 s.
//
// A file in the middle of being written must not pass for an unreadable
// version, so a change counts once it has stood still: for 50 ms, or for 2 s
// while a writer has the file open or when a good value gave way to a bad one
// (removed, truncated, cut short). A file that never stands still is believed
// after 10 s.
package appliance
