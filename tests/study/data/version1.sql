BEGIN TRANSACTION;
CREATE TABLE events (
	seq INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	trial INTEGER NOT NULL, 
	step DOUBLE, 
	reward DOUBLE, 
	stop BOOLEAN, 
	PRIMARY KEY (seq), 
	FOREIGN KEY(trial) REFERENCES trials (id)
);
INSERT INTO "events" VALUES(1,'ask',1,NULL,NULL,NULL);
INSERT INTO "events" VALUES(2,'report',1,1.0,0.0,0);
INSERT INTO "events" VALUES(3,'tell',1,NULL,NULL,NULL);
INSERT INTO "events" VALUES(4,'ask',2,NULL,NULL,NULL);
INSERT INTO "events" VALUES(5,'tell',2,NULL,NULL,NULL);
INSERT INTO "events" VALUES(6,'ask',3,NULL,NULL,NULL);
INSERT INTO "events" VALUES(7,'tell',3,NULL,NULL,NULL);
INSERT INTO "events" VALUES(8,'ask',4,NULL,NULL,NULL);
INSERT INTO "events" VALUES(9,'report',4,1.0,0.375,0);
INSERT INTO "events" VALUES(10,'tell',4,NULL,NULL,NULL);
INSERT INTO "events" VALUES(11,'ask',5,NULL,NULL,NULL);
INSERT INTO "events" VALUES(12,'tell',5,NULL,NULL,NULL);
INSERT INTO "events" VALUES(13,'ask',6,NULL,NULL,NULL);
INSERT INTO "events" VALUES(14,'tell',6,NULL,NULL,NULL);
INSERT INTO "events" VALUES(15,'ask',7,NULL,NULL,NULL);
INSERT INTO "events" VALUES(16,'report',7,1.0,0.75,0);
INSERT INTO "events" VALUES(17,'tell',7,NULL,NULL,NULL);
INSERT INTO "events" VALUES(18,'ask',8,NULL,NULL,NULL);
INSERT INTO "events" VALUES(19,'tell',8,NULL,NULL,NULL);
INSERT INTO "events" VALUES(20,'ask',9,NULL,NULL,NULL);
INSERT INTO "events" VALUES(21,'tell',9,NULL,NULL,NULL);
INSERT INTO "events" VALUES(22,'ask',10,NULL,NULL,NULL);
INSERT INTO "events" VALUES(23,'report',10,1.0,1.125,0);
INSERT INTO "events" VALUES(24,'tell',10,NULL,NULL,NULL);
INSERT INTO "events" VALUES(25,'ask',11,NULL,NULL,NULL);
INSERT INTO "events" VALUES(26,'ask',12,NULL,NULL,NULL);
CREATE TABLE pliant_schema (
	version INTEGER NOT NULL
);
INSERT INTO "pliant_schema" VALUES(1);
CREATE TABLE states (
	seq INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	PRIMARY KEY (seq)
);
INSERT INTO "states" VALUES(0,'{"algorithm":"Evolution","space":"2df298f62fbec6b2e1faf0b79e8d94d18dca5913e7f796496454410a8ca8d4d8","seed":3,"random":null,"own":{"told":0,"population":[],"newcomers":[],"children":[],"init":null}}');
CREATE TABLE study (
	name TEXT NOT NULL, 
	space TEXT NOT NULL, 
	algorithm TEXT NOT NULL, 
	seed TEXT, 
	maximize BOOLEAN NOT NULL, 
	budget INTEGER, 
	exhausted BOOLEAN NOT NULL, 
	created TEXT NOT NULL, 
	holder TEXT
);
INSERT INTO "study" VALUES('old','{"format":"pliant.space/1","top":[0,3],"points":[{"kind":"choice","path":"op","literals":["0","1","2"],"branches":[[1],[],[2]]},{"kind":"choice","path":"op[=0/3].k","literals":["0","1","2"]},{"kind":"int","path":"op[=2/3].n","min_value":1,"max_value":40,"scale":"linear","step":1},{"kind":"choice","path":"b","literals":["0","1","2"],"values":[1,2,4],"ordered":true}]}','{"name": "Evolution", "options": {"reproduce": "Tournament(size=2, count=1) >> Mutate(times=1)", "population_size": "4", "survive": "Newest(count=4)", "init": "None", "generation": "1", "seed": "3"}}',NULL,0,40,0,'2026-11-22T11:37:47.743+00:00','process 1 on host, since 2026-11-22T11:37:47.743+00:00');
CREATE TABLE trials (
	id INTEGER NOT NULL, 
	decisions TEXT NOT NULL, 
	status TEXT NOT NULL, 
	reward DOUBLE, 
	rewards TEXT, 
	reason TEXT, 
	attempts INTEGER NOT NULL, 
	started TEXT NOT NULL, 
	ended TEXT, 
	seconds DOUBLE, 
	parent TEXT, 
	PRIMARY KEY (id)
);
INSERT INTO "trials" VALUES(1,'[1,2]','completed',3.0,NULL,NULL,1,'2026-11-22T11:37:47.904+00:00','2026-11-22T11:37:47.941+00:00',0.012288,NULL);
INSERT INTO "trials" VALUES(2,'[2,19,2]','completed',23.0,NULL,NULL,1,'2026-11-22T11:37:47.965+00:00','2026-11-22T11:37:47.970+00:00',0.000235,NULL);
INSERT INTO "trials" VALUES(3,'[0,1,2]','completed',3.0,NULL,NULL,1,'2026-11-22T11:37:47.989+00:00','2026-11-22T11:37:47.997+00:00',0.000435,NULL);
INSERT INTO "trials" VALUES(4,'[2,28,2]','completed',32.0,NULL,NULL,1,'2026-11-22T11:37:48.005+00:00','2026-11-22T11:37:48.020+00:00',0.003686,NULL);
INSERT INTO "trials" VALUES(5,'[0,0,2]','failed',NULL,NULL,'out of memory',1,'2026-11-22T11:37:48.031+00:00','2026-11-22T11:37:48.049+00:00',0.000254,NULL);
INSERT INTO "trials" VALUES(6,'[0,1,1]','completed',2.0,NULL,NULL,1,'2026-11-22T11:37:48.061+00:00','2026-11-22T11:37:48.070+00:00',0.000277,NULL);
INSERT INTO "trials" VALUES(7,'[1,2]','completed',3.0,NULL,NULL,1,'2026-11-22T11:37:48.089+00:00','2026-11-22T11:37:48.113+00:00',0.012352,NULL);
INSERT INTO "trials" VALUES(8,'[2,26,2]','completed',30.0,NULL,NULL,1,'2026-11-22T11:37:48.121+00:00','2026-11-22T11:37:48.140+00:00',0.000318,NULL);
INSERT INTO "trials" VALUES(9,'[0,1,0]','completed',1.0,NULL,NULL,1,'2026-11-22T11:37:48.151+00:00','2026-11-22T11:37:48.161+00:00',0.000201,NULL);
INSERT INTO "trials" VALUES(10,'[0,2,0]','completed',2.0,NULL,NULL,1,'2026-11-22T11:37:48.165+00:00','2026-11-22T11:37:48.185+00:00',0.008286,NULL);
INSERT INTO "trials" VALUES(11,'[0,1,2]','running',NULL,NULL,NULL,1,'2026-11-22T11:37:48.193+00:00',NULL,NULL,NULL);
INSERT INTO "trials" VALUES(12,'[0,1,1]','running',NULL,NULL,NULL,1,'2026-11-22T11:37:48.201+00:00',NULL,NULL,NULL);
CREATE INDEX trials_of_several ON trials (id) WHERE rewards IS NOT NULL;
CREATE INDEX trials_running ON trials (id) WHERE status = 'running';
CREATE INDEX trials_by_reward ON trials (reward);
CREATE INDEX reports ON events (trial) WHERE kind = 'report';
COMMIT;
