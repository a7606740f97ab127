-- One text for both engines. {C} is the byte-wise collation where the engine
-- needs it named, so that keyset pages mean the same order everywhere. Times are
-- milliseconds since 1970.

CREATE TABLE tenants (
	tenant     TEXT {C} NOT NULL PRIMARY KEY,
	created_at BIGINT NOT NULL,
	settings   TEXT NOT NULL
);

-- When some console has been listening, without a gap: silence before that is ours.
CREATE TABLE listening (
	id         BIGINT NOT NULL PRIMARY KEY,
	since_at   BIGINT NOT NULL,
	until_at   BIGINT NOT NULL
);

-- What lists show. Written when its meaning changes, not at every report.
CREATE TABLE sites (
	tenant        TEXT {C} NOT NULL,
	site          TEXT {C} NOT NULL,
	name          TEXT NOT NULL,
	name_key      TEXT {C} NOT NULL,
	state         TEXT NOT NULL,
	rank          BIGINT NOT NULL,
	since_at      BIGINT NOT NULL,
	compatibility TEXT NOT NULL,
	connected     TEXT NOT NULL,
	keepalive     TEXT NOT NULL,
	compatible_version TEXT NOT NULL,
	reasons       TEXT NOT NULL,
	story         TEXT NOT NULL,
	search        TEXT NOT NULL,
	changed_at    BIGINT NOT NULL,
	PRIMARY KEY (tenant, site)
);
-- With what is searched in the index, a search reads no row that does not match.
CREATE INDEX sites_by_status ON sites (tenant, rank, name_key, site, search);
CREATE INDEX sites_by_name ON sites (tenant, name_key, site, search);
CREATE INDEX sites_by_since ON sites (tenant, since_at, site);

-- The life cycle of a site's stories. Its row is the lock on the site.
CREATE TABLE lives (
	tenant   TEXT {C} NOT NULL,
	site     TEXT {C} NOT NULL,
	due_at   BIGINT,
	story    TEXT NOT NULL,
	saved    TEXT NOT NULL,
	PRIMARY KEY (tenant, site)
);
CREATE INDEX lives_due ON lives (due_at) WHERE due_at IS NOT NULL;

-- The newest report of each Socket. The body comes last, so that it is not read with the rest.
CREATE TABLE sockets (
	tenant      TEXT {C} NOT NULL,
	serial      TEXT {C} NOT NULL,
	site        TEXT {C} NOT NULL,
	epoch       BIGINT NOT NULL,
	seq         BIGINT NOT NULL,
	first_at    BIGINT NOT NULL,
	received_at BIGINT NOT NULL,
	next_ms     BIGINT NOT NULL,
	view        TEXT NOT NULL,
	body        BYTEA NOT NULL,
	PRIMARY KEY (tenant, serial)
);
CREATE INDEX sockets_by_site ON sockets (tenant, site);

-- What the Sockets themselves went through, as they report it.
CREATE TABLE transitions (
	tenant TEXT {C} NOT NULL,
	serial TEXT {C} NOT NULL,
	stated BIGINT NOT NULL,
	at     BIGINT NOT NULL,
	site   TEXT {C} NOT NULL,
	body   TEXT NOT NULL,
	PRIMARY KEY (tenant, serial, stated)
);
CREATE INDEX transitions_by_site ON transitions (tenant, site, at, serial);
CREATE INDEX transitions_by_age ON transitions (at);

-- What the console made of it.
CREATE TABLE changes (
	tenant  TEXT {C} NOT NULL,
	site    TEXT {C} NOT NULL,
	id      TEXT {C} NOT NULL,
	at      BIGINT NOT NULL,
	was     TEXT NOT NULL,
	state   TEXT NOT NULL,
	reasons TEXT NOT NULL,
	PRIMARY KEY (tenant, site, id)
);
CREATE INDEX changes_by_age ON changes (at);

CREATE TABLE stories (
	tenant       TEXT {C} NOT NULL,
	id           TEXT {C} NOT NULL,
	site         TEXT {C} NOT NULL,
	site_name    TEXT NOT NULL,
	number       BIGINT NOT NULL,
	status       TEXT NOT NULL,
	criticality  BIGINT NOT NULL,
	indication   TEXT NOT NULL,
	first_signal BIGINT NOT NULL,
	last_signal  BIGINT NOT NULL,
	opened_at    BIGINT NOT NULL,
	closed_at    BIGINT,
	occurrences  BIGINT NOT NULL,
	flapping     BIGINT NOT NULL,
	reasons      TEXT NOT NULL,
	ack_by       TEXT NOT NULL,
	ack_at       BIGINT,
	mute_until   BIGINT,
	muted_by     TEXT NOT NULL,
	suppressed   BIGINT NOT NULL,
	changed_at   BIGINT NOT NULL,
	search       TEXT NOT NULL,
	PRIMARY KEY (tenant, id),
	UNIQUE (tenant, site, number)
);
CREATE INDEX stories_by_status ON stories (tenant, status, criticality, id);
CREATE INDEX stories_by_age ON stories (closed_at) WHERE closed_at IS NOT NULL;

CREATE TABLE timeline (
	tenant TEXT {C} NOT NULL,
	story  TEXT {C} NOT NULL,
	id     TEXT {C} NOT NULL,
	at     BIGINT NOT NULL,
	kind   TEXT NOT NULL,
	actor  TEXT NOT NULL,
	text   TEXT NOT NULL,
	PRIMARY KEY (tenant, story, id)
);

CREATE TABLE outbox (
	id         TEXT {C} NOT NULL PRIMARY KEY,
	tenant     TEXT {C} NOT NULL,
	sink       TEXT {C} NOT NULL,
	story      TEXT {C} NOT NULL,
	kind       TEXT NOT NULL,
	payload    TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	due_at     BIGINT NOT NULL,
	attempts   BIGINT NOT NULL,
	error      TEXT NOT NULL,
	done_at    BIGINT
);
CREATE INDEX outbox_due ON outbox (sink, due_at) WHERE done_at IS NULL;
CREATE INDEX outbox_order ON outbox (sink, tenant, story, id) WHERE done_at IS NULL;
CREATE INDEX outbox_by_age ON outbox (done_at) WHERE done_at IS NOT NULL;

CREATE TABLE users (
	tenant     TEXT {C} NOT NULL,
	name       TEXT {C} NOT NULL,
	hash       TEXT NOT NULL,
	role       TEXT NOT NULL,
	disabled   BIGINT NOT NULL,
	created_at BIGINT NOT NULL,
	PRIMARY KEY (tenant, name)
);

CREATE TABLE sessions (
	token      TEXT {C} NOT NULL PRIMARY KEY,
	tenant     TEXT {C} NOT NULL,
	name       TEXT NOT NULL,
	role       TEXT NOT NULL,
	csrf       TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_age ON sessions (expires_at);

CREATE TABLE audit (
	tenant TEXT {C} NOT NULL,
	id     TEXT {C} NOT NULL,
	at     BIGINT NOT NULL,
	actor  TEXT NOT NULL,
	action TEXT NOT NULL,
	object TEXT NOT NULL,
	detail TEXT NOT NULL,
	PRIMARY KEY (tenant, id)
);
CREATE INDEX audit_by_age ON audit (at);
