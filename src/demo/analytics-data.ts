/** The rows of the demo's second database, under the names of analytics-schema.ts. Knows nothing of Postgres. */
import { codesByName, type DemoRow, type DemoTable, readCountries, readCsv, type Text } from './sources.ts';

/** The rows of every table, in an order that foreign keys allow. Throws when the packages are not installed. */
export async function readAnalyticsTables(): Promise<DemoTable[]> {
  const codeOf = codesByName(await readCountries());
  return [
    ...strikeTables(await readCsv('birdstrikes.csv')),
    {
      name: 'hourly_normals',
      rows: (await readCsv('seattle-weather-hourly-normals.csv')).map(normalRow),
    },
    {
      name: 'incomes',
      rows: (await readCsv('gapminder-health-income.csv')).map((row) => incomeRow(row, codeOf)),
    },
    { name: 'market_days', rows: (await readCsv('sp500-2000.csv')).map(marketRow) },
  ];
}

// The reports know airports by names that no other source has.
const iataCodes: Readonly<Record<string, string>> = {
  'ATLANTA INTL': 'ATL',
  'ATLANTIC CITY INTL': 'ACY',
  'AUSTIN-BERGSTROM INTL': 'AUS',
  'BALTIMORE WASH INTL': 'BWI',
  'CHARLESTON AFB/INTL ARPT': 'CHS',
  'CHARLOTTE/DOUGLAS INTL ARPT': 'CLT',
  'CHICAGO MIDWAY INTL ARPT': 'MDW',
  "CHICAGO O'HARE INTL ARPT": 'ORD',
  'CINCINNATI/NORTHERN KENTUCKY INTL ARPT': 'CVG',
  'CLEVELAND-HOPKINS INTL ARPT': 'CLE',
  'DALLAS/FORT WORTH INTL ARPT': 'DFW',
  'DENVER INTL AIRPORT': 'DEN',
  'DETROIT METRO WAYNE COUNTY ARPT': 'DTW',
  'EPPLEY AIRFIELD': 'OMA',
  'FORT LAUDERDALE/HOLLYWOOD INTL': 'FLL',
  'GEORGE BUSH INTERCONTINENTAL': 'IAH',
  'GREATER PITTSBURGH': 'PIT',
  'HONOLULU INTL ARPT': 'HNL',
  'HOUSTON-HOBBY': 'HOU',
  'INDIANAPOLIS INTL': 'IND',
  'JOHN F KENNEDY INTL': 'JFK',
  'KANSAS CITY INTL': 'MCI',
  'LAGUARDIA NY': 'LGA',
  'LAMBERT-ST LOUIS INTL': 'STL',
  'LIHUE ARPT': 'LIH',
  'LOGAN INTL': 'BOS',
  'LOS ANGELES INTL': 'LAX',
  'LOUISVILLE INTL ARPT': 'SDF',
  'MEMPHIS INTL': 'MEM',
  'METRO OAKLAND INTL': 'OAK',
  'MINETA SAN JOSE INTL': 'SJC',
  'MINNEAPOLIS-ST PAUL INTL': 'MSP',
  'NASHVILLE INTL': 'BNA',
  'NEW ORLEANS INTL': 'MSY',
  'NEWARK LIBERTY INTL ARPT': 'EWR',
  'ORLANDO INTL': 'MCO',
  'PHILADELPHIA INTL': 'PHL',
  'PHOENIX SKY HARBOR': 'PHX',
  'PORT COLUMBUS INTL': 'CMH',
  'PORTLAND INTL (OR)': 'PDX',
  'RONALD REAGAN WASHINGTON NATL': 'DCA',
  'SACRAMENTO INTL': 'SMF',
  'SALT LAKE CITY INTL': 'SLC',
  'SAN ANTONIO INTL': 'SAT',
  'SAN FRANCISCO INTL ARPT': 'SFO',
  'SEATTLE-TACOMA INTL': 'SEA',
  'TETERBORO AIRPORT': 'TEB',
  'WASHINGTON DULLES INTL ARPT': 'IAD',
  'WILL ROGERS WORLD ARPT': 'OKC',
};

/** The reports, with each airport and each species told once. */
function strikeTables(reports: readonly Text[]): DemoTable[] {
  const airfields = new Map<string, DemoRow & { id: number }>();
  const species = new Map<string, DemoRow & { id: number }>();
  const strikes = reports.map((report, index) => {
    const { 'Airport Name': name = '', 'Origin State': state = '', 'Wildlife Species': bird = '' } = report;
    const airfield = airfields.get(name) ?? {
      id: airfields.size + 1,
      name,
      state,
      iata: iataCodes[name] ?? null,
    };
    const kind = species.get(bird) ?? {
      id: species.size + 1,
      name: bird,
      identified: !/^unknown/i.test(bird),
    };
    airfields.set(name, airfield);
    species.set(bird, kind);
    return { id: index + 1, airfield_id: airfield.id, species_id: kind.id, ...strikeColumns(report) };
  });
  return [
    { name: 'airfields', rows: [...airfields.values()] },
    { name: 'species', rows: [...species.values()] },
    { name: 'bird_strikes', rows: strikes },
  ];
}

function strikeColumns(report: Text): DemoRow {
  const lower = (name: string) => (report[name] ?? '').toLowerCase();
  const damage = lower('Effect Amount of damage');
  return {
    struck_on: report['Flight Date'] ?? null,
    day_part: lower('Time of day'),
    phase: lower('Phase of flight'),
    aircraft: report['Aircraft Make Model'] ?? null,
    operator: report['Aircraft Airline Operator'] ?? null,
    bird_size: lower('Wildlife Size'),
    damage: damage === 'none' ? null : damage,
    cost_usd: report['Cost Total $'] ?? null,
    speed_knots: report['Speed IAS in knots'] || null,
  };
}

function normalRow({ date = '', temperature = '', pressure = '', wind = '' }: Text): DemoRow {
  // The date's year stands for every year.
  const [month = null, day = null, hour = null] = /^\d+-(\d+)-(\d+)T(\d+)/.exec(date)?.slice(1) ?? [];
  return { month, day, hour, celsius: temperature, pressure_hpa: pressure, wind };
}

function incomeRow(row: Text, codeOf: (name: string) => string): DemoRow {
  const { country = '', income = '', health = '', population = '' } = row;
  return { country_code: codeOf(country), income_usd: income, life_expectancy: health, population };
}

function marketRow({ date = '', open = '', high = '', low = '', close = '', volume = '' }: Text): DemoRow {
  return { day: date, open, high, low, close, volume };
}
