BEGIN TRANSACTION;
CREATE TABLE events (
	seq INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	trial INTEGER NOT NULL, 
	step DOUBLE, 
	reward DOUBLE, 
	stop BOOLEAN, 
	metrics TEXT, 
	PRIMARY KEY (seq), 
	FOREIGN KEY(trial) REFERENCES trials (id)
);
INSERT INTO "events" VALUES(1,'give',1,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(2,'report',1,1.0,1.0,0,'{"loss":1.0}');
INSERT INTO "events" VALUES(3,'report',1,2.0,2.0,0,'{"loss":1.0}');
INSERT INTO "events" VALUES(4,'tell',1,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(5,'give',2,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(6,'report',2,1.0,3.0,0,'{"loss":1.0}');
INSERT INTO "events" VALUES(7,'report',2,2.0,6.0,0,'{"loss":1.0}');
INSERT INTO "events" VALUES(8,'tell',2,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(9,'ask',3,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(10,'tell',3,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(11,'ask',4,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(12,'report',4,1.0,27.0,0,'{"loss":1.0}');
INSERT INTO "events" VALUES(13,'report',4,2.0,54.0,0,'{"loss":1.0}');
INSERT INTO "events" VALUES(14,'tell',4,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(15,'ask',5,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(16,'tell',5,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(17,'ask',6,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(18,'tell',6,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(19,'ask',7,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(20,'tell',7,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(21,'ask',8,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(22,'tell',8,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(23,'ask',9,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(24,'tell',9,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(25,'ask',10,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(26,'tell',10,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(27,'ask',11,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(28,'tell',11,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(29,'ask',12,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(30,'tell',12,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(31,'ask',13,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(32,'report',13,1.0,28.0,0,'{"loss":1.0}');
INSERT INTO "events" VALUES(33,'report',13,2.0,56.0,0,'{"loss":1.0}');
INSERT INTO "events" VALUES(34,'tell',13,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(35,'ask',14,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(36,'report',14,1.0,-28.0,1,'{"loss":1.0}');
INSERT INTO "events" VALUES(37,'tell',14,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(38,'ask',15,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(39,'tell',15,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(40,'ask',16,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(41,'tell',16,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(42,'ask',17,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(43,'tell',17,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(44,'ask',18,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(45,'report',18,1.0,2.0,1,'{"loss":1.0}');
INSERT INTO "events" VALUES(46,'tell',18,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(47,'ask',19,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(48,'report',19,1.0,23.0,0,'{"loss":1.0}');
INSERT INTO "events" VALUES(49,'report',19,2.0,46.0,0,'{"loss":1.0}');
INSERT INTO "events" VALUES(50,'tell',19,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(51,'ask',20,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(52,'tell',20,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(53,'ask',21,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(54,'report',21,1.0,14.0,0,'{"loss":1.0}');
INSERT INTO "events" VALUES(55,'report',21,2.0,28.0,0,'{"loss":1.0}');
INSERT INTO "events" VALUES(56,'tell',21,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(57,'ask',22,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(58,'tell',22,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(59,'ask',23,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(60,'report',23,1.0,24.0,0,'{"loss":1.0}');
INSERT INTO "events" VALUES(61,'report',23,2.0,48.0,0,'{"loss":1.0}');
INSERT INTO "events" VALUES(62,'tell',23,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(63,'ask',24,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(64,'tell',24,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(65,'ask',25,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(66,'tell',25,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(67,'ask',26,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(68,'tell',26,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(69,'ask',27,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(70,'report',27,1.0,13.0,1,'{"loss":1.0}');
INSERT INTO "events" VALUES(71,'tell',27,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(72,'ask',28,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(73,'tell',28,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(74,'ask',29,NULL,NULL,NULL,NULL);
INSERT INTO "events" VALUES(75,'ask',30,NULL,NULL,NULL,NULL);
CREATE TABLE journal (
	id INTEGER NOT NULL, 
	time TEXT NOT NULL, 
	trial INTEGER, 
	text TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "journal" VALUES(1,'2026-11-29T23:43:52.009+00:00',6,'attempt 1 was lost: w1 hung up');
INSERT INTO "journal" VALUES(2,'2026-11-29T23:43:52.011+00:00',6,'attempt 2 was lost: w1 hung up');
INSERT INTO "journal" VALUES(3,'2026-11-29T23:43:52.011+00:00',6,'attempt 3 was lost: w1 hung up');
INSERT INTO "journal" VALUES(4,'2026-11-29T23:43:52.064+00:00',30,'attempt 1 was lost: gone');
CREATE TABLE pliant_schema (
	version INTEGER NOT NULL
);
INSERT INTO "pliant_schema" VALUES(2);
CREATE TABLE priors (
	seq INTEGER NOT NULL, 
	decisions TEXT NOT NULL, 
	reward DOUBLE, 
	rewards TEXT, 
	source TEXT NOT NULL, 
	PRIMARY KEY (seq)
);
CREATE TABLE queue (
	id INTEGER NOT NULL, 
	decisions TEXT NOT NULL, 
	note TEXT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE states (
	seq INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	PRIMARY KEY (seq)
);
INSERT INTO "states" VALUES(66,'{"algorithm":"MedianStopping","space":"2df298f62fbec6b2e1faf0b79e8d94d18dca5913e7f796496454410a8ca8d4d8","seed":5,"random":null,"own":{"algorithm":{"algorithm":"Evolution","space":"2df298f62fbec6b2e1faf0b79e8d94d18dca5913e7f796496454410a8ca8d4d8","seed":5,"random":[3,"164L12yUdIG+nJWiavkDe2tAKmRa2/PAXbrgm8UuwDVV+bsG/YJIwM3Jka7y345U0aH7FLI43HU+VlzV3ns86GrlZWul4TFG6GiPLNmItygcksgZh03EvunbY3cKQz3Ljn1SFtFP1/2dEjME0WqXPwuw+0FbkBidY1x9AaBy3X2dI+0npE1Y6niwPy/+1gn8FhWUKeJLSqiMQslEU2sRca5294MZEfgJjXPqaxXzHqancXfHrlFfAj9GM35RvLVWWdqTbxFlTHbjr9Q0/hFJMuPSSDdvvly344BR/QRx5XlKaEZIxV8ahHMsgdpTqbnJszt4Ll+hIdKyX5EeXOWNrGZrrzDUiwwQgWDZeCYxg56DsONxOarYcnmyqbUZO4mVOj+LcanoRDu8P3SBPTXXQ7l9StOW+5gt6zz9EKgrwHHP8ziQAYXiHNG7l1vvQ9PbQJO0+7u66ZL3osqwhe/GRFk6UIjWsHG1yBQ2BaSaMRP6zi+nCVNYeLJCypsSkqKPPy92uwYU4rm1/tnF2TOCW4SylqmmkrGeMr8YzY+Pl3MYUvSaCnH2jpNSxTB30m4Pxxi5VERTPwiLtqVxQ05zeCsIc5dj4kWNorVEX193ngZyq3VOLESqls2bvC+m26topSjdmtdBGvVvb36cZwBOJPCh0YPwoHU/u8qB/i58eCts9H/zfvldLrrtgN+37pdF6PwC52K6AIhMM9uN8iow7ddlrtj3B9dkZsEo5xJrHmm9KCLW4WDq/Xc7OndQGrJmO8tvFwn2IPNBNt0aFbOa4GCLWx0Ml0mfIFBfRHEISghaqEt4SYIS8l1+nybsScRCkeVrCvTy1pQelinKYFmEPSrdy+3ZLc+04dxCC4SjvVvnqwP6oXu64SVD9h2PLUA17sx0ST6zTnEA5tk3FEC1YEKZsUrxrN9cLoF8mAuLLPEAPNA5/DwHhBhi3RVYmkMbB6YuKvAjd0qDvqFvdwzWp3cgun6FkMAdAiXL/PE4ZI1m4D/HGGFDZLGK8BriSGchVKHrgplzNEJWZPLKbQZB1Wn04ssw9fDv3J9Vq+4skPx6XTJ5hJh4kk7KRjFLzenRl0gmLu1rOk4CUuIuotpB055cIkxx+XBqSeNqiJW4dbOlQXWyV9GSMpMLzZVRe+/EhKIPWuIHPvGsCDmWA1rDcyUoZ1O4h5Eqaitr02p7zs7TfgYDc7g34Ek0nllXrxv1g7+7t93yFxUiYzgHy58ZbqjdVxGmdOg/PCRYuyGStjYe21ouklEtg2eR+8gT/rOBbaXBPvUMePiyz3a7ghilA7jQeIPwX86ulq64dBPIPqMQsUznaDhCbSdJEoNiJmT7ApbatmH6dGhvmosVQnt/YjO397Atav4Yuc4MZFy7IjXM7gghOjV/lN9zl2e3Q87ZJhmAYLXARFRWCY6YxcKjNI4o3j5wONjvjmTSxlrsSqEEwllbjLuC90A5t0oX1Gtr25LYMx+DV1Mkdp/kkLFybnUIXit7RtQHxt+jI7hiOBsV28+mLNeYIq68BWkOb+SHUktdEOo7Y02FBoQc3NJDDCFv5au4oKN+aIo+cUmb0+hMoigFaWNdI6CWAe42+z2EomyCSFpBqNp0Gn5DobrTPZbEmDf50wEFKuU4PdZkJOTMYTWGMi2k5nM0sYk7KtHtlkwQ+B4L7UM+KilRlKSzehNRLQW/7zfQks8kiP8hPtX6iAGf3n3AQBLnMtc+PIaHn8qHlXGSEOmEuNYDaK1+4UrzuIDBiEkTJcDvuu6uBrujVtE1Gwwa5RDLVBlFnCxKaLFRcnE2yaAXSO6dxGgg7m0vT7z8VihxwYbe3gerrI6emfF+R2d211jIovuPDNEilpZuqHhOgXg4AHRDuOUeFvlcr7AaKobKx5fdNVD5tl10ZlVQZrrKWC3pj1ntWSyEYta/ch9eXH+nwRwDFUUN+jkymvJStjvC8QCJsHOfOParf/8wUvlYnghQ7bA3KEpIrRT5RdCzb8r+BNK1g7zpxTWga+Eoxn09NOaS4FTpV4yfT32fLClWifwep+ck/tamz/lvPtDLut/6tCaK+i0eaCQRGk/qmX/XXxV7JfjiSHa3pO4q3+JCW36HLm39C8Yqo+l4O+5SDjSPE0beSC+w0iAb3lJQEfcT7Ff2og1OhuMxdrA03Fp08ofd1xsVyznMIdb55JnPk0HPFnFdEy5XTdz0niiR/g1LW57U+xmWy4Q5jM7fih861QDm0qeAXaR3aznVdZRdiZjsuqZZfa7fvv+MBj5hpVhhf4JM2rraE0FzxvgkR4bOrthSS9y0/UBP5CTcObKE/nWAoP0RHOlj4bcL7FP28+8qw+O8CRP29WdpJX6QCqeS0eMacPubVzIuLziElRlhy0vQ6BRrdTz+/pqnfiEpBdzL80R6k0t7HlPayp177LxBtLbU2fgWSJlwSLF8IqurXl1yJ1KYhThmc6oFEHRIruaYlod+abKuiK6gwnxc0yUfNf+idA880OVDQ3nlPa1iBlUUlKkYPvUaXuUu0Dj6Da4PryOc9yE3TCJNlrcZSKd0b9387qmm59m35iZRx/DFOfX29q7NaDSs687Cu3gI8d0WYM2y/m2pvwGSf6JUo0nul344E8mkSvlnCToqpBsz1X6gFKUmhImJvst4yY+kx56Z3MOAWTgME8cIrTSWqgiLhyK0EvyRHZdCNPo4xTrhsjdnfulhsWc1XXTaoO229j2sPsTBy/k3XXqRov+BGm0fxwA2DWUqKsWCi/XuHri+KMfhm0INQlq8MwM9wkPTwr3+o5PBBLQHDJBk0wnW1yZD6V45MgQEoXMrBLvzhxIVz+J155yg+lXHMQgSjpCsn5md5eYT3NyOfbXPHCWUMPNdEzLeID//Qb6db4QSPXmioWpBKvDpDksP+xqA2/+Kfa9w8CCLhrdSvqlD4GHj/auFXJPBO2cj6SHSneSJaIx+VtV7/k6X5wCuvYTbRw3nKNNUmh0wGuyOwgk3vYZguOvbGEX3dGJT/H4rqVtdC15GcUH+0HVcwA3tYCw1hrHv15HwDe3YHDW7lBWQ+6mu/HtMS+1bfo79bMbbUsfbTIehz4kvatS3nfsrB9i45ROWRflrFEtRbD4VBRLuBf4sl1Bm0oxZ5SdMRTrXtKi2M2F0mInI5tIxcV1LnvqWCGAvy/A5pfb8rJ8+YrPP2MX01aRq7pKQqleOq6QeHM+aqTtmTxfmWOuMP2sQeL4rHi+pF6ze8vumrXeJYbonW0I4Fv7wM8ttvbHBjGiCAb8fgEbEZ9Y3Rhb233ihE0dlTSjuowxzGhl8G9VZAZAvhW04FKNvyrbhCJMXjvWJyAAAAA==",null],"own":{"told":25,"population":[[[1,1],2.0],[[2,20,2],24.0],[[1,2],3.0],[[1,0],1.0]],"newcomers":[],"children":[],"init":null}},"curves":[],"ended":[[[1.0,2.0],[1.0,2.0]],[[1.0,2.0],[3.0,6.0]],[[1.0,2.0],[27.0,54.0]],[[1.0,2.0],[28.0,56.0]],[[1.0],[-28.0]],[[1.0],[2.0]],[[1.0,2.0],[23.0,46.0]],[[1.0,2.0],[14.0,28.0]],[[1.0,2.0],[24.0,48.0]]]}}');
CREATE TABLE study (
	name TEXT NOT NULL, 
	space TEXT NOT NULL, 
	algorithm TEXT NOT NULL, 
	seed TEXT, 
	maximize BOOLEAN NOT NULL, 
	budget INTEGER, 
	exhausted BOOLEAN NOT NULL, 
	created TEXT NOT NULL, 
	holder TEXT, 
	constraints TEXT, 
	reuse BOOLEAN
);
INSERT INTO "study" VALUES('older','{"format":"pliant.space/1","top":[0,3],"points":[{"kind":"choice","path":"op","literals":["0","1","2"],"branches":[[1],[],[2]]},{"kind":"choice","path":"op[=0/3].k","literals":["0","1","2"]},{"kind":"int","path":"op[=2/3].n","min_value":1,"max_value":40,"scale":"linear","step":1},{"kind":"choice","path":"b","literals":["0","1","2"],"values":[1,2,4],"ordered":true}]}','{"name": "MedianStopping", "options": {"algorithm": "Evolution(reproduce=Tournament(size=2, count=1) >> Mutate(times=1), population_size=4, survive=Newest(count=4), init=None, generation=1, seed=5)", "min_trials": "2", "min_step": "0.0", "seed": "5"}}','5',1,40,0,'2026-11-29T23:43:51.881+00:00','process 25627 on vm, since 2026-11-29T23:43:51.881+00:00','["latency <= 10"]',1);
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
	worker TEXT, 
	origin TEXT, 
	metrics TEXT, 
	PRIMARY KEY (id)
);
INSERT INTO "trials" VALUES(1,'[1,0]','completed',1.0,NULL,NULL,1,'2026-11-29T23:43:51.955+00:00','2026-11-29T23:43:51.969+00:00',0.008194,NULL,'w1','enqueued: by hand','{"latency":3.0}');
INSERT INTO "trials" VALUES(2,'[1,2]','completed',3.0,NULL,NULL,1,'2026-11-29T23:43:51.974+00:00','2026-11-29T23:43:51.985+00:00',0.008055,NULL,'w1','enqueued','{"latency":3.0}');
INSERT INTO "trials" VALUES(3,'[2,12,0]','failed',NULL,NULL,'out of memory',1,'2026-11-29T23:43:51.990+00:00','2026-11-29T23:43:51.997+00:00',9.9e-05,NULL,'w1',NULL,NULL);
INSERT INTO "trials" VALUES(4,'[2,24,1]','completed',27.0,NULL,NULL,1,'2026-11-29T23:43:52.002+00:00','2026-11-29T23:43:52.006+00:00',0.00091,NULL,'w1',NULL,'{"latency":3.0}');
INSERT INTO "trials" VALUES(5,'[2,25,1]','failed',NULL,NULL,'skipped',1,'2026-11-29T23:43:52.007+00:00','2026-11-29T23:43:52.007+00:00',4.3e-05,NULL,'w1',NULL,NULL);
INSERT INTO "trials" VALUES(6,'[0,1,1]','failed',NULL,NULL,'w1 hung up (attempt 3 of 3)',3,'2026-11-29T23:43:52.011+00:00','2026-11-29T23:43:52.011+00:00',6.0e-05,NULL,'w2',NULL,NULL);
INSERT INTO "trials" VALUES(7,'[2,15,1]','failed',NULL,NULL,'it took longer than its limit of 0.2 s',1,'2026-11-29T23:43:52.012+00:00','2026-11-29T23:43:52.013+00:00',3.7e-05,NULL,'w1',NULL,NULL);
INSERT INTO "trials" VALUES(8,'[1,0]','completed',1.0,NULL,NULL,1,'2026-11-29T23:43:52.013+00:00','2026-11-29T23:43:52.014+00:00',0.0,NULL,'w1','copy of trial 1','{"latency":3.0}');
INSERT INTO "trials" VALUES(9,'[2,24,2]','failed',NULL,NULL,'no reward: the reward of trial 8 is a finite number; got nan',1,'2026-11-29T23:43:52.014+00:00','2026-11-29T23:43:52.017+00:00',5.5e-05,NULL,'w1',NULL,NULL);
INSERT INTO "trials" VALUES(10,'[1,0]','completed',1.0,NULL,NULL,1,'2026-11-29T23:43:52.021+00:00','2026-11-29T23:43:52.022+00:00',0.0,NULL,'w1','copy of trial 1','{"latency":3.0}');
INSERT INTO "trials" VALUES(11,'[0,1,2]','failed',NULL,NULL,'breaks a constraint: latency is 12.5, not <= 10',1,'2026-11-29T23:43:52.022+00:00','2026-11-29T23:43:52.025+00:00',9.7e-05,NULL,'w1',NULL,'{"latency":12.5,"reward":3.0}');
INSERT INTO "trials" VALUES(12,'[1,2]','completed',3.0,NULL,NULL,1,'2026-11-29T23:43:52.029+00:00','2026-11-29T23:43:52.030+00:00',0.0,NULL,'w1','copy of trial 2','{"latency":3.0}');
INSERT INTO "trials" VALUES(13,'[2,24,2]','completed',28.0,NULL,NULL,1,'2026-11-29T23:43:52.030+00:00','2026-11-29T23:43:52.037+00:00',0.004059,NULL,'w1',NULL,'{"latency":3.0}');
INSERT INTO "trials" VALUES(14,'[1,1]','completed',2.0,NULL,NULL,1,'2026-11-29T23:43:52.040+00:00','2026-11-29T23:43:52.042+00:00',0.0004,NULL,'w1',NULL,'{"latency":3.0}');
INSERT INTO "trials" VALUES(15,'[1,2]','completed',3.0,NULL,NULL,1,'2026-11-29T23:43:52.042+00:00','2026-11-29T23:43:52.043+00:00',0.0,NULL,'w1','copy of trial 2','{"latency":3.0}');
INSERT INTO "trials" VALUES(16,'[0,0,2]','failed',NULL,NULL,'breaks a constraint: latency is 12.5, not <= 10',1,'2026-11-29T23:43:52.043+00:00','2026-11-29T23:43:52.044+00:00',5.5e-05,NULL,'w1',NULL,'{"latency":12.5,"reward":2.0}');
INSERT INTO "trials" VALUES(17,'[2,24,1]','completed',27.0,NULL,NULL,1,'2026-11-29T23:43:52.045+00:00','2026-11-29T23:43:52.045+00:00',0.0,NULL,'w1','copy of trial 4','{"latency":3.0}');
INSERT INTO "trials" VALUES(18,'[0,1,1]','completed',2.0,NULL,NULL,1,'2026-11-29T23:43:52.046+00:00','2026-11-29T23:43:52.050+00:00',0.001214,NULL,'w1',NULL,'{"latency":3.0}');
INSERT INTO "trials" VALUES(19,'[2,20,1]','completed',23.0,NULL,NULL,1,'2026-11-29T23:43:52.055+00:00','2026-11-29T23:43:52.056+00:00',0.000633,NULL,'w1',NULL,'{"latency":3.0}');
INSERT INTO "trials" VALUES(20,'[1,0]','completed',1.0,NULL,NULL,1,'2026-11-29T23:43:52.056+00:00','2026-11-29T23:43:52.057+00:00',0.0,NULL,'w1','copy of trial 1','{"latency":3.0}');
INSERT INTO "trials" VALUES(21,'[2,11,1]','completed',14.0,NULL,NULL,1,'2026-11-29T23:43:52.057+00:00','2026-11-29T23:43:52.058+00:00',0.000513,NULL,'w1',NULL,'{"latency":3.0}');
INSERT INTO "trials" VALUES(22,'[1,1]','completed',2.0,NULL,NULL,1,'2026-11-29T23:43:52.058+00:00','2026-11-29T23:43:52.059+00:00',0.0,NULL,'w1','copy of trial 14','{"latency":3.0}');
INSERT INTO "trials" VALUES(23,'[2,20,2]','completed',24.0,NULL,NULL,1,'2026-11-29T23:43:52.059+00:00','2026-11-29T23:43:52.060+00:00',0.000508,NULL,'w1',NULL,'{"latency":3.0}');
INSERT INTO "trials" VALUES(24,'[1,2]','completed',3.0,NULL,NULL,1,'2026-11-29T23:43:52.060+00:00','2026-11-29T23:43:52.060+00:00',0.0,NULL,'w1','copy of trial 2','{"latency":3.0}');
INSERT INTO "trials" VALUES(25,'[1,0]','completed',1.0,NULL,NULL,1,'2026-11-29T23:43:52.061+00:00','2026-11-29T23:43:52.061+00:00',0.0,NULL,'w1','copy of trial 1','{"latency":3.0}');
INSERT INTO "trials" VALUES(26,'[2,20,1]','completed',23.0,NULL,NULL,1,'2026-11-29T23:43:52.061+00:00','2026-11-29T23:43:52.061+00:00',0.0,NULL,'w1','copy of trial 19','{"latency":3.0}');
INSERT INTO "trials" VALUES(27,'[2,9,2]','completed',13.0,NULL,NULL,1,'2026-11-29T23:43:52.061+00:00','2026-11-29T23:43:52.062+00:00',0.000336,NULL,'w1',NULL,'{"latency":3.0}');
INSERT INTO "trials" VALUES(28,'[1,2]','completed',3.0,NULL,NULL,1,'2026-11-29T23:43:52.063+00:00','2026-11-29T23:43:52.063+00:00',0.0,NULL,NULL,'copy of trial 2','{"latency":3.0}');
INSERT INTO "trials" VALUES(29,'[2,20,0]','running',NULL,NULL,NULL,1,'2026-11-29T23:43:52.063+00:00',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "trials" VALUES(30,'[2,13,2]','running',NULL,NULL,'gone',1,'2026-11-29T23:43:52.063+00:00',NULL,NULL,NULL,NULL,NULL,NULL);
CREATE INDEX trials_running ON trials (id) WHERE status = 'running';
CREATE INDEX trials_by_reward ON trials (reward);
CREATE INDEX trials_of_several ON trials (id) WHERE rewards IS NOT NULL;
CREATE INDEX reports ON events (trial) WHERE kind = 'report';
COMMIT;
