/**
 * The tables of the demo's second database: what analysts collect beside the first. Its types, its view and its
 * comments are there to be seen through a data link.
 */

/** Makes every table and the view. The tables are made empty, before analytics-data.ts fills them in this order. */
export const analyticsSchemaSql = `
CREATE TABLE airfields (
  id smallint PRIMARY KEY,
  name text NOT NULL UNIQUE,
  state text NOT NULL,
  iata text UNIQUE
);
COMMENT ON TABLE airfields IS 'Airports of the United States, as reports of bird strikes call them';
COMMENT ON COLUMN airfields.iata IS 'Null for a field without a code';

CREATE TABLE species (id smallint PRIMARY KEY, name text NOT NULL UNIQUE, identified boolean NOT NULL);
COMMENT ON COLUMN species.identified IS 'False where nobody could tell what bird it was';

CREATE TYPE day_part AS ENUM ('dawn', 'day', 'dusk', 'night');
CREATE TYPE flight_phase AS ENUM (
  'parked', 'taxi', 'take-off run', 'climb', 'descent', 'approach', 'landing roll'
);
CREATE TABLE bird_strikes (
  id integer PRIMARY KEY,
  airfield_id smallint NOT NULL REFERENCES airfields,
  species_id smallint NOT NULL REFERENCES species,
  struck_on date NOT NULL,
  day_part day_part NOT NULL,
  phase flight_phase NOT NULL,
  aircraft text NOT NULL,
  operator text NOT NULL,
  bird_size text NOT NULL,
  damage text,
  cost_usd integer NOT NULL,
  speed_knots smallint
);
COMMENT ON TABLE bird_strikes IS 'A sample of the wildlife strikes reported to the FAA, 1990 to 2002';
COMMENT ON COLUMN bird_strikes.damage IS 'Null when there was none';
COMMENT ON COLUMN bird_strikes.cost_usd IS 'Repair and everything else; 0 also where the report says nothing';
CREATE INDEX ON bird_strikes (airfield_id);
CREATE INDEX ON bird_strikes (species_id);
CREATE INDEX ON bird_strikes (struck_on);

CREATE TABLE hourly_normals (
  month smallint NOT NULL,
  day smallint NOT NULL,
  hour smallint NOT NULL,
  celsius numeric(3, 1) NOT NULL,
  pressure_hpa numeric(5, 1) NOT NULL,
  wind numeric(3, 1) NOT NULL,
  PRIMARY KEY (month, day, hour)
);
COMMENT ON TABLE hourly_normals IS 'Seattle, hour by hour: averages of the years 1981 to 2010 (NOAA)';
COMMENT ON COLUMN hourly_normals.hour IS 'Local standard time';
COMMENT ON COLUMN hourly_normals.wind IS 'Metres per second';

CREATE TABLE incomes (
  country_code char(3) PRIMARY KEY,
  income_usd integer NOT NULL,
  life_expectancy numeric NOT NULL,
  population bigint NOT NULL
);
COMMENT ON TABLE incomes IS 'Income and life expectancy of countries, around 2015 (Gapminder)';
COMMENT ON COLUMN incomes.income_usd IS 'A year and person, at purchasing power parity';

CREATE TABLE market_days (
  day date PRIMARY KEY,
  open numeric(7, 2) NOT NULL,
  high numeric(7, 2) NOT NULL,
  low numeric(7, 2) NOT NULL,
  close numeric(7, 2) NOT NULL,
  volume bigint NOT NULL,
  CHECK (low <= high)
);
COMMENT ON TABLE market_days IS 'The S&P 500 on its trading days, 2000 to 2020';

CREATE VIEW market_months AS
SELECT date_trunc('month', day)::date AS month,
       (array_agg(open ORDER BY day))[1] AS open,
       max(high) AS high,
       min(low) AS low,
       (array_agg(close ORDER BY day DESC))[1] AS close,
       sum(volume) AS volume
FROM market_days
GROUP BY 1;
COMMENT ON VIEW market_months IS 'The S&P 500 by month';
`;
